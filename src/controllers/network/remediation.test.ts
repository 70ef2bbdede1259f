import { expect, test } from 'vitest';
import { LABELS } from '../../api/names.ts';
import { createFakeApi } from '../../kube/fake-api.ts';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createCaches } from '../caches.ts';
import { NETWORKS, NODES } from '../kinds.ts';
import { credentialRef, networkSpec, parsedOf, place } from '../testbed.ts';
import { createRemediation } from './remediation.ts';

const { signal } = new AbortController();
const health = { tcp: { port: 'rpc' } };
const remediation = { afterSeconds: 60, maxUnhealthy: 1 };

/** Nodes by name, with their placements; those with seconds are unhealthy for so long. Answers who is replaced. */
async function replacedOf(
  nodes: Readonly<Record<string, readonly [placement: string, seconds?: number]>>,
  blocked: readonly string[],
): Promise<readonly string[]> {
  const clock = createFakeClock();
  const client = createFakeApi(() => clock.now());
  const caches = createCaches({ client, watchNamespaces: undefined, clock, logger: silentLogger });
  const { client: program, placements } = networkSpec(4);
  const network = await client.resource(NETWORKS).create({
    metadata: { namespace: 'ns', name: 'net' },
    spec: { client: { ...program, health }, placements, remediation },
  });
  for (const [name, [placement, seconds]] of Object.entries(nodes)) {
    const labels = { [LABELS.network]: 'net', [LABELS.placement]: placement };
    const since = new Date(clock.now() - (seconds ?? 0) * 1000).toISOString();
    const ready = { type: 'Ready', status: 'False', reason: 'HealthCheckFailed', lastTransitionTime: since };
    const conditions = [{ ...ready, message: 'it answers nothing' }];
    const status = seconds === undefined ? { phase: 'Ready' } : { phase: 'Unhealthy', conditions };
    const metadata = { namespace: 'ns', name, labels, finalizers: ['peerage.dev/machine'] };
    await caches.nodeResource.create({
      metadata,
      spec: { credentialRef, client: program, aws: place },
      status,
    });
  }
  const remediate = createRemediation({ ...caches, clock, logger: silentLogger, events: silent });
  await remediate(network, parsedOf(network), new Set(blocked), signal);
  const { items } = await client.resource(NODES).list();
  return items.flatMap(({ metadata: { name, deletionTimestamp } }) => (deletionTimestamp ? [name] : []));
}

const silent = { event: () => {}, flush: async () => {} };

const nodes = { a: ['troubled', 500], b: ['well', 400], c: ['well'], d: ['well'] } as const;

test('the Node that is unhealthy the longest is replaced', async () => {
  expect(await replacedOf(nodes, [])).toEqual(['a']);
});

test('one in a placement that can take no other does not hold up the next', async () => {
  expect(await replacedOf(nodes, ['troubled'])).toEqual(['b']);
});
