/** More machines than one for a Node. */
import { expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { setUp, type Testbed } from '../testbed.ts';

const removedTotal = 'peerage_surplus_machines_removed_total';

/** A Node that has `m-1`, and `m-0` beside it. */
async function withTwo(): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  const record = JSON.parse((await bed.node()).metadata.annotations?.[ANNOTATIONS.launch] ?? '{}');
  const owner = { cluster: 'c1', node: 'ns/lone' };
  bed.cloud.plant({ id: 'm-0', owner, launch: { token: record.token, index: 0 } });
  return bed;
}

const look = async (bed: Testbed) => {
  await bed.ask(bed.server.nodes, 'lone');
  await bed.run(20);
};

test('is told of once, however often its Node is looked at before the removal is answered', async () => {
  const bed = await withTwo();
  for (let times = 0; times < 4; times += 1) await look(bed);
  expect(bed.cloud.calledTimes('remove')).toBe(0);
  expect(await bed.warnings()).toEqual([]);
  await bed.run(10_000);
  expect(bed.cloud.calls.filter((call) => call.startsWith('remove'))).toEqual(['remove m-0']);
  expect(await bed.warnings()).toEqual([
    'Node lone SurplusMachine: removed machine m-0: m-1 is the machine of this Node',
  ]);
  expect(await bed.metric(removedTotal)).toEqual({ '': 1 });
});

test('that the cloud refuses to remove is asked for ever more seldom, and neither counted nor told of again', async () => {
  const bed = await withTwo();
  bed.cloud.refuse('remove', 'unauthorized');
  await look(bed);
  await bed.run(900_000);
  const calls = bed.cloud.calledTimes('remove');
  expect(calls).toBeGreaterThan(2);
  expect(calls).toBeLessThan(9);
  expect(await bed.warnings()).toEqual([
    expect.stringMatching(/^Node lone SurplusMachine: machine m-0 could not be removed .*told beforehand/),
  ]);
  expect(await bed.metric(removedTotal)).toEqual({});

  bed.cloud.refuse('remove');
  await look(bed);
  await bed.run(65_000);
  expect(bed.cloud.machines.get('m-0')?.state).toBe('terminated');
  expect(await bed.warnings()).toHaveLength(2);
  expect(await bed.metric(removedTotal)).toEqual({ '': 1 });
});
