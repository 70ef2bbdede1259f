import { describe, expect, test } from 'vitest';
import { CloudError, type FabricGoal, type FabricWish, type Owner } from '../../cloud.ts';
import type { DockerFabricView } from './found.ts';
import { namesOf } from './names.ts';
import { planFabric } from './plan.ts';

const owner: Owner = { cluster: 'c', network: 'chains/dev', placement: 'local' };
const scope = { owner, spec: {} };
const names = namesOf(owner);
const network = { Id: 'n1', Name: names.network, Driver: 'bridge', Created: '2026-01-01', Labels: {} };
const own = { network, ours: [], released: false };

const view = (around: Partial<DockerFabricView['around']> = {}): DockerFabricView => ({
  ageMs: 0,
  members: new Map(),
  pools: 0,
  resources: [],
  around: {
    network,
    ownNetworks: [own],
    networkTaken: false,
    balancers: [],
    addresses: new Map([['a'.repeat(64), '10.0.0.2']]),
    strayVolumes: [],
    ...around,
  },
});

const balancer: NonNullable<FabricWish['balancer']> = {
  type: 'Network',
  ports: [{ port: 80, targetPort: 8545, protocol: 'TCP' }],
  internal: false,
  crossZone: false,
  sourceRanges: ['0.0.0.0/0'],
  health: { protocol: 'TCP', port: 8545, intervalSeconds: 10 },
  drainSeconds: 30,
  members: ['a'.repeat(64)],
};
const wish: FabricWish = { scope, ingress: [], balancer };
const nothing: FabricGoal = { scope, goal: 'nothing' };

/** `create network`, with what it waits for. */
const shown = (goal: FabricGoal, seen: DockerFabricView) =>
  planFabric(goal, seen).map(
    ({ verb, kind, waits }) => `${verb} ${kind}${waits === undefined ? '' : ` (${waits})`}`,
  );

/** As the plan itself would have it made. */
function standing(state: string, config?: string) {
  const [step] = planFabric(wish, view());
  if (step?.action?.do !== 'create balancer') throw new Error('a balancer was to be made');
  const { labels, config: wished } = step.action;
  const shape = labels['peerage-balancer'] ?? '';
  return { id: 'b1', name: names.balancer, state, shape, config: config ?? wished };
}

test('the network comes before what stands in it', () => {
  const { network: _, ...around } = view({ ownNetworks: [] }).around;
  expect(shown(wish, { ...view(), around })).toEqual([
    'create network',
    'create container (its network is not there yet)',
  ]);
});

test('nothing is left to do where all is as wished', () => {
  expect(shown(wish, view({ balancers: [standing('running')] }))).toEqual([]);
});

test('the same goal and view give the same steps', () => {
  expect(JSON.stringify(planFabric(wish, view()))).toBe(JSON.stringify(planFabric(wish, view())));
});

test.each([
  ['created', ['update container']],
  ['exited', ['update container']],
  ['removing', ['update container (it is being removed)']],
  ['restarting', ['update container (HAProxy ends as soon as it starts)']],
  ['paused', ['delete container', 'create container (the old container has to go first)']],
  ['dead', ['delete container', 'create container (the old container has to go first)']],
])('a balancer that is %s: %j', (state, steps) => {
  expect(shown(wish, view({ balancers: [standing(state)] }))).toEqual(steps);
});

test('one that cannot start is told another configuration', () => {
  expect(shown(wish, view({ balancers: [standing('restarting', 'broken')] }))).toEqual(['update container']);
});

test('of two balancers the older stays', () => {
  const second = { ...standing('running'), id: 'b2' };
  expect(planFabric(wish, view({ balancers: [standing('running'), second] }))).toMatchObject([
    { verb: 'delete', action: { do: 'delete balancer', id: 'b2' } },
  ]);
});

test('of two networks of our name the older stays, and the other goes when nothing is in it', () => {
  const twin = { ...own, network: { ...network, Id: 'n2' } };
  const used = { ...twin, ours: [{ name: 'node-0', inScope: true }] };
  const { balancer: _, ...unbalanced } = wish;
  expect(planFabric(unbalanced, view({ ownNetworks: [own, twin] }))).toMatchObject([
    { action: { do: 'delete network', id: 'n2' } },
  ]);
  expect(planFabric(unbalanced, view({ ownNetworks: [own, used] }))).toEqual([]);
});

test('in trouble nothing is made', () => {
  const trouble = new CloudError({
    api: 'NetworkList',
    code: 'notFound',
    outcome: 'none',
    reason: 'NetworkNotFound',
    message: 'the engine has no network x',
  });
  const steps = planFabric(wish, { ...view(), trouble });
  expect(steps.every(({ waits }) => waits?.includes('no network x'))).toBe(true);
});

test('what an engine cannot do is said last, when all the rest is done', () => {
  const asked: FabricWish = {
    ...wish,
    egress: [],
    balancer: { ...balancer, ports: [...balancer.ports, { port: 53, targetPort: 53, protocol: 'UDP' }] },
  };
  expect(planFabric(asked, view()).map(({ action }) => action?.do)).toEqual([
    'create balancer',
    'refuse',
    'refuse',
  ]);
});

test('who leaves joins those that are leaving still, but for one that comes back', () => {
  const [first, second] = ['a'.repeat(64), 'b'.repeat(64)];
  const addresses = new Map([
    [first, '10.0.0.2'],
    [second, '10.0.0.3'],
  ]);
  const of = (...members: string[]): FabricWish => ({ ...wish, balancer: { ...balancer, members } });
  const [made] = planFabric(of(first), view({ addresses }));
  if (made?.action?.do !== 'create balancer') throw new Error('a balancer was to be made');
  const leaving = (id: string) => ({ id, at: 1_000, until: 31_000 });
  const draining = [leaving(second), leaving('gone')];
  const found = { ...standing('running', made.action.config), draining };
  expect(planFabric(of(second), view({ addresses, balancers: [found] }))).toMatchObject([
    { action: { do: 'configure', leaving: [first], draining: [leaving('gone')], drainSeconds: 30 } },
  ]);
});

test('all goes, the network last', () => {
  const seen = view({ balancers: [standing('running')], strayVolumes: ['node-0-data'] });
  expect(shown(nothing, seen)).toEqual(['delete container', 'delete volume', 'delete network']);
});

test.each([
  [
    'its own machines',
    { ours: [{ name: 'node-0', inScope: true }] },
    ['delete network (container node-0 is still in it)'],
  ],
  ['those of another placement', { ours: [{ name: 'node-9', inScope: false }] }, []],
  ['what was released', { released: true }, []],
])('a network with %s in it', (_, inside, steps) => {
  expect(shown(nothing, view({ ownNetworks: [{ ...own, ...inside }] }))).toEqual(steps);
});

describe('a balancer that placements share', () => {
  const region: Owner = { cluster: 'c', network: 'chains/dev', region: 'docker/E:1/engine' };
  const none: FabricWish = { scope: { owner: region, spec: {} }, ingress: [] };

  test('stands in the network of the placements, under a name of its own', () => {
    const [step] = planFabric({ ...none, balancer }, view());
    expect(step).toMatchObject({
      verb: 'create',
      name: namesOf(region).balancer,
      action: { network: names.network, labels: { 'peerage-region': region.region } },
    });
    expect(namesOf(region).balancer).not.toBe(names.balancer);
  });

  test("goes alone when it is not wished: the network is the placements', and nobody makes it for it", () => {
    expect(shown(none, view({ balancers: [standing('running')] }))).toEqual(['delete container']);
    const { network: _, ...around } = view({ ownNetworks: [] }).around;
    expect(shown(none, { ...view(), around })).toEqual([]);
  });

  test('a placement behind it has none of its own', () => {
    expect(shown({ scope, ingress: [], servedBy: { ...balancer, owner: region } }, view())).toEqual([]);
  });
});
