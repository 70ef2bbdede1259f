import { join } from 'node:path';
import { z } from 'zod';
import { RESOURCES } from '../../src/api/resources.ts';
import { getObject } from './api.ts';
import { eventually } from './eventually.ts';
import { kubectl } from './kubectl.ts';

/** A kind that has just come has `null` for conditions. */
const statusSchema = z.object({
  conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
});
const crds = join(import.meta.dirname, '../../crds');

/**
 * Sees to it that the run's server knows our kinds as the files in `crds/` have them. They stay: other tests use them at the
 * same time. Several files begin at once, and who applies what another is applying may be refused.
 */
export async function installKinds(): Promise<void> {
  await eventually(tryToInstall, (obstacle) => obstacle === undefined, { what: 'the kinds to be installed' });
}

/** What stands in the way; undefined when they are there. */
async function tryToInstall(): Promise<string | undefined> {
  if (await areInstalled()) return undefined;
  try {
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', crds]);
  } catch (error) {
    return String(error);
  }
  return (await areInstalled()) ? undefined : 'not established yet';
}

async function areInstalled(): Promise<boolean> {
  const there = await Promise.all(Object.values(RESOURCES).map(({ plural }) => isInstalled(plural)));
  return there.every(Boolean);
}

async function isInstalled(plural: string): Promise<boolean> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.peerage.dev`;
  const { metadata, status } = (await getObject(path)) ?? {};
  return (
    metadata !== undefined &&
    metadata.deletionTimestamp === undefined &&
    statusSchema
      .parse(status ?? {})
      .conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') ===
      true
  );
}
