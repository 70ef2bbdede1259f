/** What carries our tag and has no object behind it goes, after a grace time, and never many at once. Both are ten minutes here. */
import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../api/names.ts';
import { conditionOf, networkSpec, parsedOf, setUp, type Testbed } from './testbed.ts';

const sweepMs = 600_000;
const graceMs = 600_000;
const another = { namespace: 'ns', name: 'another' };
const owner = { cluster: 'c1', network: 'ns/gone', placement: 'here' };

async function withRegion(): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork(networkSpec(1));
  await bed.run(15_000);
  return bed;
}

const alive = ({ cloud }: Testbed) =>
  [...cloud.machines.values()].filter(({ state }) => state === 'running').map(({ id }) => id);

function plant(bed: Testbed, count: number): readonly string[] {
  const ids = Array.from({ length: count }, (_, index) => `lost-${index}`);
  for (const id of ids) bed.cloud.plant({ id, owner, launch: { token: id, index: 0 } });
  return ids;
}

test('a machine without an object is removed after the grace time, not before', async () => {
  const bed = await withRegion();
  plant(bed, 1);
  await bed.run(sweepMs + graceMs - 30_000);
  expect(alive(bed)).toEqual(['m-1', 'lost-0']);
  await bed.run(2 * sweepMs);
  expect(alive(bed)).toEqual(['m-1']);
});

test('one that is claimed in between begins its grace time anew', async () => {
  const bed = await withRegion();
  plant(bed, 1);
  await bed.run(sweepMs + 30_000);
  const record = {
    ...{
      token: 'lost-0',
      index: 0,
      attempt: 1,
      account: '1',
      cluster: 'c1',
      region: 'us-east-1',
      zone: 'z1',
    },
    ...{ head: { name: 'lone', uid: 'any' }, at: '2030-01-01T00:00:00Z' },
  };
  await bed.makeNode({ [ANNOTATIONS.launch]: JSON.stringify(record) });
  await bed.run(sweepMs);
  await bed.server.nodes.patch(
    { namespace: 'ns', name: 'lone' },
    { metadata: { annotations: { [ANNOTATIONS.launch]: null } } },
    { type: 'merge' },
  );
  await bed.run(sweepMs);
  expect(alive(bed)).toContain('lost-0');
  await bed.run(2 * sweepMs);
  expect(alive(bed)).not.toContain('lost-0');
});

test('more than an hour may remove are held, all of them', async () => {
  const bed = await withRegion();
  const lost = plant(bed, 6);
  await bed.run(10 * sweepMs);
  expect(alive(bed)).toEqual(['m-1', ...lost]);
  bed.cloud.end('lost-5');
  await bed.run(sweepMs);
  expect(alive(bed)).toEqual(['m-1']);
});

test('what is held is told on the CloudCredential, and counted, until it is held no more', async () => {
  const bed = await withRegion();
  plant(bed, 6);
  await bed.run(3 * sweepMs);
  expect(conditionOf(await bed.credential(), 'SweepHeld')).toMatchObject({
    status: 'True',
    reason: 'SweepHeld',
    message: expect.stringContaining('6 in aws/1/us-east-1'),
  });
  expect(conditionOf(await bed.credential(), 'Ready')?.status).toBe('True');
  expect(await bed.metric('peerage_sweep_held')).toEqual({ '': 6 });
  expect(await bed.warnings()).toEqual([]);
  bed.cloud.end('lost-5');
  await bed.run(2 * sweepMs);
  expect(conditionOf(await bed.credential(), 'SweepHeld')).toBeUndefined();
  expect(await bed.metric('peerage_sweep_held')).toEqual({ '': 0 });
});

test('what another operator held stays told until this one has looked', async () => {
  const bed = await setUp();
  const stop = bed.startOperator();
  await bed.makeNetwork(networkSpec(1));
  await bed.run(15_000);
  plant(bed, 6);
  await bed.run(3 * sweepMs);
  stop();
  bed.startOperator();
  await bed.run(60_000);
  expect(conditionOf(await bed.credential(), 'SweepHeld')?.status).toBe('True');
  for (const id of ['lost-0', 'lost-1', 'lost-2', 'lost-3', 'lost-4', 'lost-5']) bed.cloud.end(id);
  await bed.run(2 * sweepMs);
  expect(conditionOf(await bed.credential(), 'SweepHeld')).toBeUndefined();
});

test('what a sweep removed is told once, by name, on the CloudCredential', async () => {
  const bed = await withRegion();
  plant(bed, 2);
  await bed.run(4 * sweepMs);
  expect(await bed.warnings()).toEqual([
    'CloudCredential cred Swept: removed 2 without an object: machine lost-0, machine lost-1',
  ]);
});

test('a removal that the cloud refuses is not told as one, nor counted, until it is accepted', async () => {
  const bed = await withRegion();
  plant(bed, 4);
  bed.cloud.refuse('remove', 'unauthorized');
  await bed.run(6 * sweepMs);
  expect(alive(bed)).toHaveLength(5);
  expect(await bed.metric('peerage_sweep_removed_total')).toEqual({});
  expect(await bed.warnings()).toEqual([]);
  expect(await bed.metric('peerage_sweep_held')).toEqual({ '': 0 });
  bed.cloud.refuse('remove');
  await bed.run(2 * sweepMs);
  expect(alive(bed)).toEqual(['m-1']);
  expect(await bed.metric('peerage_sweep_removed_total')).toEqual({ '': 4 });
  expect(await bed.warnings()).toEqual([expect.stringContaining('removed 4 without an object')]);
});

test('what a Network left behind that lost its finalizers goes with its machines', async () => {
  const bed = await withRegion();
  const [node] = await bed.nodes();
  const names = [
    { resource: bed.server.networks, name: 'net' },
    { resource: bed.server.nodes, name: node?.metadata.name ?? '' },
  ];
  for (const { resource, name } of names) {
    await resource.patch({ namespace: 'ns', name }, { metadata: { finalizers: [] } }, { type: 'merge' });
    await resource.delete({ namespace: 'ns', name });
  }
  await bed.run(1_000);
  expect((await bed.server.networks.list()).items).toEqual([]);
  expect(alive(bed)).toEqual(['m-1']);
  await bed.run(4 * sweepMs);
  expect(alive(bed)).toEqual([]);
  expect([...(bed.cloud.around.get('network ns/net/here') ?? [])]).toEqual([]);
});

test('nothing is swept on a list that was not read to its end', async () => {
  const bed = await withRegion();
  plant(bed, 1);
  bed.cloud.refuse('list', 'unavailable');
  await bed.run(4 * sweepMs);
  bed.cloud.refuse('list');
  expect(alive(bed)).toEqual(['m-1', 'lost-0']);
});

test('nor while a Node of the namespace carries a record that cannot be read: it may claim anything', async () => {
  const bed = await withRegion();
  await bed.makeNode({ [ANNOTATIONS.launch]: 'not what the operator writes' });
  plant(bed, 1);
  await bed.run(4 * sweepMs);
  expect(alive(bed)).toContain('lost-0');
});

test('nor is that of another namespace any hindrance', async () => {
  const bed = await withRegion();
  await bed.makeNode({ [ANNOTATIONS.launch]: 'not what the operator writes' });
  bed.cloud.plant({
    id: 'far',
    owner: { ...owner, network: 'far/gone' },
    launch: { token: 'far', index: 0 },
  });
  await bed.run(4 * sweepMs);
  expect(alive(bed)).not.toContain('far');
});

describe('what cannot be looked at holds up nothing else', () => {
  test('a CloudCredential whose regions cannot be read', async () => {
    const bed = await withRegion();
    await bed.server.credentials.create({
      metadata: { ...another, annotations: { [ANNOTATIONS.regions]: 'us-east-1' } },
      spec: { aws: { source: 'Secret', secretRef: { name: 'keys' } } },
    });
    plant(bed, 1);
    await bed.run(4 * sweepMs);
    expect(alive(bed)).toEqual(['m-1']);
    expect(conditionOf(parsedOf(await bed.server.credentials.get(another)), 'Stalled')).toMatchObject({
      reason: 'Invalid',
      message: expect.stringContaining('metadata.annotations[peerage.dev/regions]'),
    });
  });

  test('surroundings that cannot go', async () => {
    const bed = await withRegion();
    for (const name of ['first', 'second']) await bed.makeNode({}, name);
    await bed.run(10_000);
    for (const name of ['first', 'second']) {
      await bed.server.nodes.patch(
        { namespace: 'ns', name },
        { metadata: { finalizers: [] } },
        { type: 'merge' },
      );
      await bed.server.nodes.delete({ namespace: 'ns', name });
    }
    const { calls, around } = bed.cloud;
    bed.cloud.refuse('run', () => {
      const tries = calls.slice(calls.lastIndexOf('list')).filter((call) => call.startsWith('run'));
      return tries.length === 1 ? new Error('it is in use') : undefined;
    });
    await bed.run(5 * sweepMs);
    expect(alive(bed)).toEqual(['m-1']);
    expect([around.get('node ns/first')?.size, around.get('node ns/second')?.size]).toEqual([1, 0]);
  });

  test('surroundings that one may not list', async () => {
    const bed = await withRegion();
    bed.cloud.refuse('owners', 'unauthorized');
    plant(bed, 1);
    await bed.run(4 * sweepMs);
    expect(alive(bed)).toEqual(['m-1']);
  });
});
