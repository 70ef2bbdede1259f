import { expect, test } from 'vitest';
import { createFakeApi } from '../../kube/fake-api.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createBursts } from '../bursts.ts';
import { NETWORKS, NODES } from '../kinds.ts';
import { credentialRef, networkSpec, parsedOf, place } from '../testbed.ts';
import { createPopulation } from './population.ts';

const { signal } = new AbortController();

/** A Network, a Node `worn` of which the plan knows the uid, and what carries that plan out. */
async function setUp() {
  const api = createFakeApi();
  const [networkResource, nodeResource] = [api.resource(NETWORKS), api.resource(NODES)];
  const named = (name: string) => ({ metadata: { namespace: 'ns', name } });
  const network = await networkResource.create({ ...named('net'), spec: networkSpec(1) });
  const { client } = networkSpec(1);
  const makeNode = () =>
    nodeResource.create({ ...named('worn'), spec: { credentialRef, client, aws: place } });
  const { uid } = (await makeNode()).metadata;
  const events = { event: () => {}, flush: async () => {} };
  const bursts = createBursts(() => {});
  const shared = { networkResource, nodeResource, events, bursts, logger: silentLogger };
  const carryOut = createPopulation(shared, (_, work) => work());
  const gone = { name: 'worn', uid, placement: 'here', because: '0 wished, 1 here' };
  return {
    nodeResource,
    makeNode,
    remove: (how: 'now' | 'remove') => {
      const plan = {
        create: [],
        replace: [],
        remove: how === 'remove' ? [gone] : [],
        now: how === 'now' ? { remove: gone } : {},
      };
      return carryOut(network, parsedOf(network), [], plan, new Set(), signal);
    },
  };
}

test.for(['now', 'remove'] as const)('a Node is removed that is to go (%s)', async (how) => {
  const { nodeResource, remove } = await setUp();
  await remove(how);
  expect((await nodeResource.list()).items).toEqual([]);
});

test.for(['now', 'remove'] as const)(
  'a Node that has the name of the one to go is left alone (%s)',
  async (how) => {
    const { nodeResource, makeNode, remove } = await setUp();
    await nodeResource.delete({ namespace: 'ns', name: 'worn' });
    const { uid } = (await makeNode()).metadata;
    await remove(how);
    expect((await nodeResource.list()).items.map(({ metadata }) => metadata.uid)).toEqual([uid]);
  },
);

test('one that is gone already is no error', async () => {
  const { nodeResource, remove } = await setUp();
  await nodeResource.delete({ namespace: 'ns', name: 'worn' });
  await remove('remove');
});
