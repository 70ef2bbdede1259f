/** What stands in the way of the ConfigMap with the peers. */
import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { setUp } from '../testbed.ts';
import { createPeersConfigs } from './peers-config.ts';

const forbidden = (causes: readonly { readonly reason: string }[] = []) =>
  new KubeError('patch configmaps', {
    status: 403,
    reason: 'Forbidden',
    body: { message: 'it is forbidden', details: { causes } },
  });

/** What `align` answers where every patch is refused. */
async function alignRefused(error: KubeError) {
  const { api, makeNetwork } = await setUp();
  const client: KubeClient = {
    ...api,
    resource: (definition) => ({ ...api.resource(definition), patch: () => Promise.reject(error) }),
  };
  const seen = await makeNetwork();
  if (!seen.parsed.ok) throw new Error(seen.parsed.message);
  const look = { listed: [], dryRun: false, anew: false, signal: new AbortController().signal };
  return await createPeersConfigs({ client, clock: createFakeClock() }).align(seen, seen.parsed.value, look);
}

test('a namespace that goes takes no new object, and that is no trouble', async () => {
  const report = await alignRefused(forbidden([{ reason: 'NamespaceTerminating' }]));
  expect(report).toEqual({ steps: [], peers: [] });
});

test('a right that is missing is told of, and holds up nothing else', async () => {
  expect((await alignRefused(forbidden())).trouble).toMatchObject({
    reason: 'PeersForbidden',
    stalled: true,
    message: 'patch configmaps: it is forbidden',
  });
});

test('anything else is the queue’s', async () => {
  const error = new KubeError('patch configmaps', { status: 500, reason: 'InternalError' });
  await expect(alignRefused(error)).rejects.toBe(error);
});
