/** A Node on its way out. */
import { expect, test } from 'vitest';
import { conditionOf, setUp } from '../testbed.ts';

test('a machine that the cloud refuses to end is asked for again when the wait is over, ever more slowly', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  bed.cloud.refuse('remove', 'unauthorized');
  await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  await bed.run(14_000);
  expect(bed.cloud.calledTimes('remove')).toBe(1);
  expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({
    status: 'False',
    reason: 'Unauthorized',
    message: 'remove refused: unauthorized: told beforehand; next try in 15 s',
  });
  await bed.run(3_000);
  expect(bed.cloud.calledTimes('remove')).toBe(2);
  expect(conditionOf(await bed.node(), 'Ready')?.message).toMatch(/next try in 30 s/);
  await bed.run(25_000);
  expect(bed.cloud.calledTimes('remove')).toBe(2);
  bed.cloud.refuse('remove');
  await bed.run(30_000);
  expect((await bed.server.nodes.list()).items).toEqual([]);
  expect([...bed.cloud.machines.values()].map(({ state }) => state)).toEqual(['terminated']);
});
