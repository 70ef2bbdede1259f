/** What a Network does, and what it does not do. */
import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { balancer, conditionOf, networkSpec, place, setUp, type Testbed } from '../testbed.ts';

const machinesAlive = ({ cloud }: Testbed) =>
  [...cloud.machines.values()].filter(({ state }) => state === 'pending' || state === 'running');
const standsAround = ({ cloud }: Testbed) => [...(cloud.around.get('network ns/net/here') ?? [])];

async function ready(replicas: number, spec: object = {}): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork({ ...networkSpec(replicas), ...spec });
  await bed.run(15_000);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ status: 'True', reason: 'AllReady' });
  return bed;
}

test('a Network becomes machines behind a balancer, launched together where they share a zone', async () => {
  const bed = await ready(6, { balancer });
  expect(bed.cloud.calls.filter((call) => call.startsWith('launch')).toSorted()).toEqual([
    'launch 2 in z1',
    'launch 2 in z2',
    'launch 2 in z3',
  ]);
  const { status } = await bed.network();
  expect(status).toMatchObject({ replicas: 6, readyReplicas: 6, endpoints: ['lb.invalid:80'] });
  expect(machinesAlive(bed)).toHaveLength(6);
});

test('at rest nothing is written and the cloud is asked less and less', async () => {
  const bed = await ready(2, { balancer });
  await bed.run(60_000);
  const from = bed.api.calls.length;
  const asked = bed.cloud.calls.length;
  await bed.run(600_000);
  expect(bed.patchesSince(from)).toEqual([]);
  expect(new Set(bed.cloud.calls.slice(asked))).toEqual(new Set(['list', 'observe', 'verify']));
  expect(bed.cloud.calls.slice(asked).filter((call) => call === 'observe').length).toBeLessThanOrEqual(4);
});

test('the status says when the cloud was read, and is not written for that alone', async () => {
  const bed = await ready(1, { balancer });
  const observedAt = async () => (await bed.network()).status.placements?.[0]?.observedAt ?? '';
  const first = await observedAt();
  expect(Date.parse(first)).toBeGreaterThan(0);
  const from = bed.api.calls.length;
  await bed.run(1_200_000);
  expect(bed.patchesSince(from)).toEqual([]);
  await bed.changeNetwork({ spec: { replicas: 2 } });
  await bed.run(30_000);
  expect(Date.parse(await observedAt()) - Date.parse(first)).toBeGreaterThan(1_000_000);
});

test('a Network that changes its only Node speaks of one', async () => {
  const bed = await ready(1);
  const { client } = networkSpec(1);
  await bed.changeNetwork({ spec: { client: { ...client, image: 'example.com/client:2' } } });
  await bed.run(500);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({
    reason: 'Replacing',
    message: '1 of 1 Node is Ready; 1 is to be replaced',
  });
});

describe('paused', () => {
  test('an operator asks no cloud for anything but who we are', async () => {
    const bed = await setUp({ paused: true });
    bed.startOperator();
    await bed.makeNetwork();
    await bed.makeNode();
    await bed.run(120_000);
    expect(new Set(bed.cloud.calls)).toEqual(new Set(['verify']));
    expect(await bed.nodes()).toHaveLength(1);
    for (const object of [await bed.network(), await bed.node()])
      expect(conditionOf(object, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'Paused' });
  });

  test('a Network changes nothing, on its way out either, until it goes on', async () => {
    const bed = await ready(1);
    await bed.changeNetwork({ spec: { paused: true, replicas: 3 } });
    await bed.run(1_000);
    const asked = bed.cloud.calls.length;
    for (const { id } of machinesAlive(bed)) bed.cloud.end(id);
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(120_000);
    expect(new Set(bed.cloud.calls.slice(asked))).toEqual(new Set(['list']));
    expect(await bed.nodes()).toHaveLength(1);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'Paused',
      message:
        'it is deleted, and the Network is paused: nothing in the cloud is changed; `paused: false` carries it out',
    });
    await bed.changeNetwork({ spec: { paused: false } });
    await bed.run(60_000);
    expect((await bed.server.networks.list()).items).toEqual([]);
    expect(standsAround(bed)).toEqual([]);
  });
});

describe('machines without Nodes', () => {
  const owner = { cluster: 'c1', network: 'ns/net', placement: 'here' };

  test('are a restore: none is made or removed until the Nodes are back, or are not wished for', async () => {
    const bed = await setUp();
    bed.cloud.plant({ id: 'm-old', owner, launch: { token: 'old', index: 0 } });
    bed.startOperator();
    await bed.makeNetwork(networkSpec(2));
    await bed.run(1_800_000);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
      reason: 'NodesMissing',
      message: expect.stringContaining('placement here has machines and no Nodes'),
    });
    expect(machinesAlive(bed).map(({ id }) => id)).toEqual(['m-old']);
    await bed.changeNetwork({ spec: { replicas: 0 } });
    await bed.run(1_800_000);
    expect(machinesAlive(bed)).toEqual([]);
    await bed.changeNetwork({ spec: { replicas: 2 } });
    await bed.run(15_000);
    expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  });

  test('of another cluster or placement mean nothing', async () => {
    const bed = await setUp();
    bed.cloud.plant({ id: 'm-elsewhere', owner: { ...owner, placement: 'there' } });
    bed.startOperator();
    await bed.makeNetwork(networkSpec(1));
    await bed.run(15_000);
    expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  });
});

describe('a credential that belongs to another account by now', () => {
  const changesSince = ({ cloud }: Testbed, from: number) =>
    cloud.calls.slice(from).filter((call) => /^(launch|remove|run|pin)/.test(call));

  test('has nothing made there, and nothing counted as gone from where it was made', async () => {
    const bed = await ready(1, { balancer });
    const stops = bed.cloud.calls.length;
    bed.cloud.become('2');
    await bed.changeSecret('of another account');
    await bed.run(60_000);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
      reason: 'AccountChanged',
      message: expect.stringContaining('made in account 1 by cluster c1; the credential now belongs to 2'),
    });
    await bed.changeNetwork({ spec: { replicas: 3 } });
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(120_000);
    expect((await bed.network()).metadata.finalizers).toHaveLength(1);
    expect(changesSince(bed, stops)).toEqual([]);
    bed.cloud.become('1');
    await bed.changeSecret('first');
    await bed.run(120_000);
    expect((await bed.server.networks.list()).items).toEqual([]);
    expect([machinesAlive(bed), standsAround(bed)]).toEqual([[], []]);
  });

  test('holds up a Network of which only surroundings are left, too', async () => {
    const bed = await ready(1, { balancer });
    bed.cloud.refuse('run', 'quota');
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(60_000);
    expect(await bed.nodes()).toEqual([]);
    const stops = bed.cloud.calls.length;
    bed.cloud.refuse('run');
    bed.cloud.become('2');
    await bed.changeSecret('of another account');
    await bed.run(120_000);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({ reason: 'AccountChanged' });
    expect(changesSince(bed, stops)).toEqual([]);
  });

  test('is told from one that an earlier version noted without its account', async () => {
    const bed = await ready(1);
    const noted = (await bed.network()).metadata.annotations?.[ANNOTATIONS.placements] ?? '';
    const { here } = JSON.parse(noted);
    expect(here).toMatchObject({ account: '1', cluster: 'c1' });
    const earlier = JSON.stringify({ here: { ...here, account: undefined, cluster: undefined } });
    const annotations = { [ANNOTATIONS.placements]: earlier };
    await bed.server.networks.patch(
      { namespace: 'ns', name: 'net' },
      { metadata: { annotations } },
      { type: 'merge' },
    );
    await bed.run(60_000);
    const network = await bed.network();
    expect(conditionOf(network, 'Ready')).toMatchObject({ reason: 'AllReady' });
    expect(network.metadata.annotations?.[ANNOTATIONS.placements]).toBe(earlier);
  });
});

describe('a deletion', () => {
  test('waits for its Nodes, and says for how many', async () => {
    const bed = await ready(3);
    bed.cloud.refuse('remove', 'unauthorized');
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(10_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Terminating',
      message: '3 Nodes are still to go',
    });
    expect(standsAround(bed)).toEqual(['firewall']);
    bed.cloud.refuse('remove');
    await bed.run(60_000);
    expect((await bed.server.networks.list()).items).toEqual([]);
  });

  test('waits for what stands around, in the words of the cloud, and leaves nothing', async () => {
    const bed = await ready(1, { balancer });
    bed.cloud.refuse('run', 'quota');
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(30_000);
    expect(machinesAlive(bed)).toEqual([]);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
      reason: 'QuotaExceeded',
      message: 'run refused: quota: told beforehand; next try in 60 s',
    });
    bed.cloud.refuse('run');
    await bed.ask(bed.server.networks, 'net');
    await bed.run(5_000);
    expect((await bed.server.networks.list()).items).toEqual([]);
    expect(standsAround(bed)).toEqual([]);
  });

  test('with deletionPolicy Orphan lets everything live on', async () => {
    const bed = await ready(2, { deletionPolicy: 'Orphan' });
    const listed = bed.cloud.calledTimes('list');
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    await bed.run(60_000);
    expect((await bed.server.networks.list()).items).toEqual([]);
    const changes = bed.cloud.calls.filter((call) => /^(remove|release|run (delete|release))/.test(call));
    expect(changes).toEqual(['release m-1 m-2', 'run release firewall']);
    // One for both, and those at rest.
    expect(bed.cloud.calledTimes('list') - listed).toBeLessThanOrEqual(3);
  });
});

test('scaled down and up again, it has as many machines as Nodes', async () => {
  const bed = await ready(3);
  await bed.changeNetwork({ spec: { replicas: 1 } });
  await bed.run(15_000);
  expect(machinesAlive(bed)).toHaveLength(1);
  await bed.changeNetwork({ spec: { replicas: 4 } });
  await bed.run(15_000);
  expect(machinesAlive(bed)).toHaveLength(4);
  expect(await bed.nodes()).toHaveLength(4);
});

test('Nodes carry the role of their Network as a label', async () => {
  const bed = await ready(1, { role: 'Validator' });
  const [node] = await bed.nodes();
  expect(node?.metadata.labels).toMatchObject({ 'peerage.dev/role': 'Validator' });
});

test('another template replaces Nodes one by one, and never has fewer Ready than wished', async () => {
  const bed = await ready(2);
  const [before] = await bed.nodes();
  const { client } = networkSpec(2);
  await bed.changeNetwork({ spec: { client: { ...client, image: 'example.com/client:2' } } });
  for (let second = 0; second < 60; second += 1) {
    await bed.run(1_000);
    const serving = (await bed.nodes()).filter(({ status }) => status.phase === 'Ready');
    expect(serving.length).toBeGreaterThanOrEqual(2);
    expect(machinesAlive(bed).length).toBeLessThanOrEqual(3);
  }
  const after = await bed.nodes();
  expect(after).toHaveLength(2);
  expect(after.map(({ spec }) => spec.client.image)).toEqual([
    'example.com/client:2',
    'example.com/client:2',
  ]);
  expect(after.map(({ metadata }) => metadata.name)).not.toContain(before?.metadata.name);
});

test('a placement that leaves the spec is cleared away, wherever its name is noted', async () => {
  const bed = await ready(1);
  const { placements } = networkSpec(1);
  const other = placements.map((one) => ({ ...one, name: 'there', aws: place }));
  await bed.changeNetwork({ spec: { placements: other } });
  await bed.run(120_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  expect(standsAround(bed)).toEqual([]);
  expect(machinesAlive(bed).map(({ owner }) => owner.placement)).toEqual(['there']);
  expect((await bed.network()).metadata.annotations?.['peerage.dev/placements']).not.toContain('"here"');
});

test('a member that needs no new machine holds for the next one, and what was fixed for the revision stays', async () => {
  const bed = await ready(1);
  const change = (replicas: number, member: object) =>
    bed.changeNetwork({
      spec: { placements: [{ ...networkSpec(replicas).placements[0], aws: { ...place, ...member } }] },
    });
  await change(2, { tags: { team: 'chain' } });
  await bed.run(15_000);
  await change(3, {});
  await bed.run(15_000);
  const [first, second, third] = (await bed.nodes())
    .toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))
    .map(({ spec }) => spec.aws);
  expect(first).not.toHaveProperty('tags');
  expect(second).toEqual({ ...Object(first), tags: { team: 'chain' } });
  expect(third).toEqual(first);
});
