import { join } from 'node:path';
import { z } from 'zod';
import { RESOURCES } from '../../src/api/resources.ts';
import { getObject } from './api.ts';
import { kubectl } from './kubectl.ts';

const statusSchema = z.object({
  conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
});
const crds = join(import.meta.dirname, '../../crds');

/** Sees to it that the run's server knows our kinds as the files in `crds/` have them. They stay: other tests use them at the same time. */
export async function installKinds(): Promise<void> {
  const there = await Promise.all(Object.values(RESOURCES).map(({ plural }) => isInstalled(plural)));
  if (there.every(Boolean)) return;
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', crds]);
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', crds]);
}

/** Not by a release of the chart, whose test changes them. */
async function isInstalled(plural: string): Promise<boolean> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.peerage.dev`;
  const { metadata, status } = (await getObject(path)) ?? {};
  return (
    metadata !== undefined &&
    metadata.deletionTimestamp === undefined &&
    metadata.annotations?.['meta.helm.sh/release-name'] === undefined &&
    statusSchema
      .parse(status)
      .conditions.some((condition) => condition.type === 'Established' && condition.status === 'True')
  );
}
