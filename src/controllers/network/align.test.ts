/** The balancer that placements of a region share, from its first node to its last. */
import { expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { CloudError } from '../../clouds/cloud.ts';
import { balancer, conditionOf, credentialRef, place, setUp, type Testbed } from '../testbed.ts';

const region = 'network ns/net/region aws/1/us-east-1';
const own = (name: string) => `network ns/net/${name}`;
const drainMs = 30_000;
type Scope = 'Placement' | 'Region';
const spec = (scope: Scope, replicas: Readonly<Record<string, number>>) => ({
  placements: Object.entries(replicas).map(([name, count]) => ({
    name,
    replicas: count,
    credentialRef,
    aws: place,
  })),
  balancer: { ...balancer, scope },
});

async function ready(scope: Scope, replicas: Readonly<Record<string, number>>) {
  const bed = await setUp();
  const stop = bed.startOperator();
  await bed.makeNetwork(spec(scope, replicas));
  await bed.run(20_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  return { bed, stop };
}

const standing = ({ cloud }: Testbed) =>
  [...cloud.around].flatMap(([scope, kinds]) => (kinds.has('balancer') ? [scope] : []));
const run = ({ cloud }: Testbed, from: number) =>
  cloud.calls.slice(from).filter((call) => call.startsWith('run ') && call.endsWith('balancer'));

test('it has the machines of all, and each placement a firewall of its own', async () => {
  const { bed } = await ready('Region', { a: 2, b: 1 });
  expect(standing(bed)).toEqual([region]);
  expect(bed.cloud.membersOf(region)).toHaveLength(3);
  expect([...(bed.cloud.around.get(own('a')) ?? []), ...(bed.cloud.around.get(own('b')) ?? [])]).toEqual([
    'firewall',
    'firewall',
  ]);
  const { status } = await bed.network();
  expect(status.endpoints).toEqual(['region.lb.invalid:80']);
  expect(status.placements?.map((one) => one.balancer?.sharedWith)).toEqual([['b'], ['a']]);
  expect(status.resources?.filter(({ kind }) => kind === 'balancer')).toHaveLength(1);
});

test('it outlives its last node by a minute, whichever placement that was in', async () => {
  const { bed } = await ready('Region', { a: 1, b: 1 });
  await bed.changeNetwork({ spec: spec('Region', { a: 0, b: 1 }) });
  await bed.run(120_000);
  expect(standing(bed)).toEqual([region]);
  await bed.changeNetwork({ spec: spec('Region', { a: 0, b: 0 }) });
  await bed.run(40_000);
  expect(standing(bed)).toEqual([region]);
  await bed.changeNetwork({ spec: spec('Region', { a: 1, b: 0 }) });
  await bed.run(120_000);
  expect(standing(bed)).toEqual([region]);
  await bed.changeNetwork({ spec: spec('Region', { a: 0, b: 0 }) });
  await bed.run(200_000);
  expect(standing(bed)).toEqual([]);
});

test('it goes with the last placement of the region, and not before', async () => {
  const { bed } = await ready('Region', { a: 1, b: 1 });
  await bed.changeNetwork({ spec: spec('Region', { b: 1 }) });
  await bed.run(60_000);
  expect(standing(bed)).toEqual([region]);
  expect([...(bed.cloud.around.get(own('a')) ?? [])]).toEqual([]);
  const elsewhere = { ...place, region: 'eu-west-1' };
  await bed.changeNetwork({
    spec: { placements: [{ name: 'c', replicas: 1, credentialRef, aws: elsewhere }] },
  });
  await bed.run(60_000);
  expect(standing(bed)).toEqual(['network ns/net/region aws/1/eu-west-1']);
  const { status, metadata } = await bed.network();
  expect(status.placements?.map(({ name }) => name)).toEqual(['c']);
  const noted: object = JSON.parse(metadata.annotations?.[ANNOTATIONS.placements] ?? '{}');
  expect(Object.keys(noted)).toEqual(['c']);
});

test('when the scope changes, the old one stays for the drain time after the new one serves all', async () => {
  const { bed } = await ready('Placement', { a: 1, b: 1 });
  const from = bed.cloud.calls.length;
  const made = bed.clock.now();
  await bed.changeNetwork({ spec: spec('Region', { a: 1, b: 1 }) });
  await bed.run(drainMs - 10_000);
  expect(standing(bed)).toEqual([own('a'), own('b'), region]);
  const { status } = await bed.network();
  expect(status.endpoints).toEqual(['region.lb.invalid:80']);
  const waiting = conditionOf({ status }, 'Reconciling');
  expect(waiting).toMatchObject({
    status: 'True',
    message: expect.stringMatching(/delete balancer balancer: /),
  });
  await bed.run(40_000);
  expect(standing(bed)).toEqual([region]);
  expect(run(bed, from)).toEqual(['run create balancer', 'run delete balancer', 'run delete balancer']);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  for (const node of await bed.nodes())
    expect(Date.parse(conditionOf(node, 'Ready')?.lastTransitionTime ?? '')).toBeLessThan(made);

  await bed.changeNetwork({ spec: spec('Placement', { a: 1, b: 1 }) });
  await bed.run(drainMs - 10_000);
  expect(standing(bed)).toEqual([own('a'), own('b'), region]);
  await bed.run(40_000);
  expect(standing(bed)).toEqual([own('a'), own('b')]);
  for (const node of await bed.nodes())
    expect(Date.parse(conditionOf(node, 'Ready')?.lastTransitionTime ?? '')).toBeLessThan(made);
});

test('nobody is unwell for it when the operator starts anew in between', async () => {
  const { bed, stop } = await ready('Placement', { a: 1, b: 1 });
  const made = bed.clock.now();
  await bed.changeNetwork({ spec: spec('Region', { a: 1, b: 1 }) });
  await bed.run(5_000);
  stop();
  bed.startOperator();
  await bed.run(120_000);
  expect(standing(bed)).toEqual([region]);
  for (const node of await bed.nodes())
    expect(Date.parse(conditionOf(node, 'Ready')?.lastTransitionTime ?? '')).toBeLessThan(made);
});

test('a balancer that is not wished at all goes, whatever its scope', async () => {
  const { bed } = await ready('Region', { a: 1, b: 1 });
  await bed.changeNetwork({ spec: { balancer: null } });
  await bed.run(30_000);
  expect(standing(bed)).toEqual([]);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
});

test('trouble with it is told once and keeps to its own waits; the firewalls stand all the same', async () => {
  const bed = await setUp();
  bed.startOperator();
  const quota = {
    api: 'run',
    code: 'quota',
    outcome: 'none',
    reason: 'TooMany',
    message: 'no more',
  } as const;
  bed.cloud.refuse('run', () =>
    bed.cloud.calls.at(-1) === 'run create balancer' ? new CloudError(quota) : undefined,
  );
  await bed.makeNetwork(spec('Region', { a: 1, b: 1 }));
  await bed.run(10_000);
  expect(conditionOf(await bed.network(), 'Stalled')?.reason).toBe('QuotaExceeded');
  await bed.run(30_000);
  expect(bed.cloud.calledTimes('run create balancer')).toBe(1);
  expect(bed.cloud.calledTimes('run create firewall')).toBe(2);
  bed.cloud.refuse('run');
  await bed.run(120_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  expect(standing(bed)).toEqual([region]);
});

test('it is removed with the Network, whatever its scope was a moment before', async () => {
  for (const [before, after] of [
    ['Region', 'Placement'],
    ['Placement', 'Region'],
  ] as const) {
    const { bed } = await ready(before, { a: 1, b: 1 });
    await bed.changeNetwork({ spec: spec(after, { a: 1, b: 1 }) });
    await bed.run(1_000);
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(60_000);
    expect(await bed.server.networks.get({ namespace: 'ns', name: 'net' })).toBeUndefined();
    expect([...bed.cloud.around.values()].flatMap((kinds) => [...kinds])).toEqual([]);
  }
});

test('the account is noted before anything is shared, also where an earlier version did not', async () => {
  const { bed } = await ready('Placement', { a: 1 });
  const notes = async () => {
    const { metadata } = await bed.network();
    return metadata.annotations?.[ANNOTATIONS.placements] ?? '';
  };
  const earlier = (await notes()).replace('"account":"1","cluster":"c1"', '"cluster":"c1"');
  expect(earlier).not.toContain('account');
  await bed.server.networks.patch(
    { namespace: 'ns', name: 'net' },
    { metadata: { annotations: { [ANNOTATIONS.placements]: earlier } } },
    { type: 'merge' },
  );
  await bed.run(5_000);
  expect(await notes()).toBe(earlier);
  await bed.changeNetwork({ spec: spec('Region', { a: 1 }) });
  await bed.run(5_000);
  expect(await notes()).toContain('"account":"1"');
});

test('what nobody wishes for any more is swept, also what was shared', async () => {
  const { bed } = await ready('Region', { a: 1, b: 1 });
  for (const { metadata } of await bed.nodes()) {
    await bed.server.nodes.patch(metadata, { metadata: { finalizers: [] } }, { type: 'merge' });
    await bed.server.nodes.delete(metadata);
  }
  const net = { namespace: 'ns', name: 'net' };
  await bed.server.networks.patch(net, { metadata: { finalizers: [] } }, { type: 'merge' });
  await bed.server.networks.delete(net);
  const from = bed.cloud.calls.length;
  await bed.run(3_000_000);
  // What placements have may refer to it.
  expect(bed.cloud.calls.slice(from).filter((call) => call.startsWith('run'))).toEqual([
    'run delete firewall',
    'run delete firewall',
    'run delete balancer',
  ]);
  expect([...bed.cloud.around.values()].flatMap((kinds) => [...kinds])).toEqual([]);
});
