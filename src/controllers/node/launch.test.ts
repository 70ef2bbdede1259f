/** A Node that gets no machine. */
import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { CloudError } from '../../clouds/cloud.ts';
import { formatLaunchRecord, parseLaunchRecord } from '../../planning/launch-record.ts';
import { conditionOf, networkSpec, setUp, type Testbed } from '../testbed.ts';

/** Seconds at which launches were tried, in which zones. */
function watchLaunches(bed: Testbed) {
  const from = bed.clock.monotonic();
  let seen = 0;
  return async (seconds: number): Promise<readonly string[]> => {
    const tries: string[] = [];
    for (let second = 0; second < seconds; second += 1) {
      await bed.run(1_000);
      const launches = bed.cloud.calls.filter((call) => call.startsWith('launch'));
      for (const launch of launches.slice(seen))
        tries.push(`${Math.round((bed.clock.monotonic() - from) / 1_000)} s ${launch.slice(-2)}`);
      seen = launches.length;
    }
    return tries;
  };
}

describe('with all zones full', () => {
  test('each is tried once, then again after 30 s, then after 60 s', async () => {
    const bed = await setUp({ zones: ['z1', 'z2', 'z3'] });
    for (const zone of ['z1', 'z2', 'z3']) bed.cloud.fullZones.add(zone);
    bed.startOperator();
    await bed.makeNode();
    const tries = await watchLaunches(bed)(150);
    const secondOf = (text: string | undefined) => Number.parseInt(text ?? '', 10);
    expect(tries.map((one) => one.slice(-2))).toEqual(['z1', 'z2', 'z3', 'z1', 'z2', 'z3', 'z1', 'z2', 'z3']);
    const at = tries.map(secondOf);
    expect((at[2] ?? 0) - (at[0] ?? 0)).toBeLessThanOrEqual(6);
    expect((at[3] ?? 0) - (at[2] ?? 0)).toBeGreaterThanOrEqual(30);
    expect((at[3] ?? 0) - (at[2] ?? 0)).toBeLessThanOrEqual(33);
    expect((at[6] ?? 0) - (at[5] ?? 0)).toBeGreaterThanOrEqual(60);
    expect((at[6] ?? 0) - (at[5] ?? 0)).toBeLessThanOrEqual(63);
  });

  test('the message names the zones and the next try', async () => {
    const bed = await setUp({ zones: ['z1', 'z2'] });
    for (const zone of ['z1', 'z2']) bed.cloud.fullZones.add(zone);
    bed.startOperator();
    await bed.makeNode();
    await bed.run(10_000);
    expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({
      reason: 'OutOfCapacity',
      message: 'launch refused: outOfCapacity: no room in z2 (in z2, next in z1); next try in 30 s',
    });
    bed.cloud.fullZones.delete('z1');
    await bed.run(40_000);
    expect(await bed.node()).toMatchObject({ status: { phase: 'Ready', attempt: 3 } });
  });

  test('the only one is tried again after 30 s', async () => {
    const bed = await setUp({ zones: ['z1'] });
    bed.cloud.fullZones.add('z1');
    bed.startOperator();
    await bed.makeNode();
    await bed.run(10_000);
    expect(conditionOf(await bed.node(), 'Ready')?.message).toBe(
      'launch refused: outOfCapacity: no room in z1; next try in 30 s',
    );
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    await bed.run(25_000);
    expect(bed.cloud.calledTimes('launch')).toBe(2);
  });
});

test('a full zone is left for the next one within seconds', async () => {
  const bed = await setUp({ zones: ['z1', 'z2', 'z3'] });
  bed.cloud.fullZones.add('z1');
  bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  expect(await bed.node()).toMatchObject({ status: { phase: 'Ready', machine: { zone: 'z2' }, attempt: 2 } });
});

test('a Node whose launch was never made still remembers the calls that it made as a head before', async () => {
  const bed = await setUp();
  // Somebody died between the record of this member and that of its head.
  const head = await bed.makeNode({}, 'head');
  const record = {
    token: 'never-made',
    index: 1,
    attempt: 2,
    account: '1',
    cluster: 'c1',
    region: 'us-east-1',
    zone: 'z2',
    head: { name: 'head', uid: head.metadata.uid },
    at: '2030-01-01T00:00:00Z',
    spent: ['made-before'],
  };
  await bed.makeNode({ [ANNOTATIONS.launch]: formatLaunchRecord(record) }, 'member');
  bed.startOperator();
  await bed.run(10_000);
  const member = await bed.node('member');
  expect(member.status.phase).toBe('Ready');
  const next = parseLaunchRecord(member.metadata.annotations?.[ANNOTATIONS.launch]);
  expect(next?.token).not.toBe('never-made');
  expect(next).toMatchObject({ attempt: 2, zone: 'z2', spent: ['made-before'] });
  expect((await bed.node('head')).metadata.annotations?.[ANNOTATIONS.voided]).toBe('never-made');
});

test('a cloud that makes one machine at a call is called for each Node, each with a token of its own', async () => {
  const bed = await setUp({ zones: ['z1'], batchLimit: 1 });
  bed.startOperator();
  await bed.makeNetwork(networkSpec(3));
  await bed.run(10_000);
  expect(bed.cloud.calls.filter((call) => call.startsWith('launch'))).toEqual(
    Array.from({ length: 3 }, () => 'launch 1 in z1'),
  );
  const records = (await bed.nodes()).map(({ metadata }) =>
    parseLaunchRecord(metadata.annotations?.[ANNOTATIONS.launch]),
  );
  expect(new Set(records.map((record) => record?.token)).size).toBe(3);
  for (const [position, { metadata }] of (await bed.nodes()).entries())
    expect(records[position]).toMatchObject({ index: 0, members: [metadata.name] });
});

test('an image that is being fetched is waited for however long that takes, and is no trouble', async () => {
  const bed = await setUp({ zones: ['z1'] });
  const underWay = { code: 'unavailable', reason: 'ImageIsBeingPulled', outcome: 'none' } as const;
  bed.cloud.refuse('launch', () => new CloudError({ ...underWay, api: 'ImageCreate', message: '1 of 2' }));
  bed.startOperator();
  await bed.makeNode();
  await bed.run(300_000);
  const { status } = await bed.node();
  expect(status.phase).toBe('Launching');
  expect(status.lastError).toMatch(/ImageIsBeingPulled: 1 of 2; the same launch is repeated in 5 s$/);
  expect(conditionOf({ status }, 'Stalled')).toBeUndefined();
  expect(await bed.warnings()).toEqual([]);
  bed.cloud.refuse('launch');
  await bed.run(10_000);
  expect(await bed.node()).toMatchObject({ status: { phase: 'Ready', attempt: 1 } });
});
