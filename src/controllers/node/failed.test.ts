/** Machines that will not run again by themselves and still take up their place. */
import { expect, test } from 'vitest';
import { conditionOf, setUp, type Testbed } from '../testbed.ts';

async function readyNode(): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  expect((await bed.node()).status).toMatchObject({ phase: 'Ready', machine: { id: 'm-1' } });
  return bed;
}

test('one that served is removed, and another is launched when it is gone', async () => {
  const bed = await readyNode();
  bed.cloud.fail('m-1');
  await bed.run(90_000);
  expect(bed.cloud.calls.filter((call) => /^(remove|launch)/.test(call))).toEqual([
    'launch 1 in z1',
    'remove m-1',
    expect.stringMatching(/^launch 1 in/),
  ]);
  expect((await bed.node()).status).toMatchObject({ phase: 'Ready', machine: { id: 'm-2' } });
});

test('one whose removal is refused is no reason for a second machine', async () => {
  const bed = await readyNode();
  bed.cloud.refuse('remove', 'unavailable');
  bed.cloud.fail('m-1');
  await bed.run(300_000);
  expect(bed.cloud.calledTimes('launch')).toBe(1);
  expect(conditionOf(await bed.node(), 'Ready')?.status).toBe('False');
  bed.cloud.refuse('remove');
  await bed.run(120_000);
  expect(bed.cloud.calledTimes('launch')).toBe(2);
  expect((await bed.node()).status.phase).toBe('Ready');
});

test('a removal that is refused is tried less and less often', async () => {
  const bed = await readyNode();
  bed.cloud.refuse('remove', 'unavailable');
  bed.cloud.fail('m-1');
  await bed.run(300_000);
  expect(bed.cloud.calledTimes('remove')).toBeLessThanOrEqual(12);
  expect(conditionOf(await bed.node(), 'Ready')?.message).toContain('next try in');
});

test('one of a Node that is deleted is removed, and none follows', async () => {
  const bed = await readyNode();
  bed.cloud.fail('m-1');
  await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  await bed.run(300_000);
  expect(await bed.server.nodes.get({ namespace: 'ns', name: 'lone' })).toBeUndefined();
  expect(bed.cloud.calledTimes('launch')).toBe(1);
  expect(bed.cloud.machines.get('m-1')?.state).toBe('terminated');
});

test('one that could not start says why as often as it was tried, and waits longer each time', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNode();
  const why = {
    code: 'HostPortTaken',
    message: 'port 8545 is published by a',
    means: 'alreadyExists',
  } as const;
  const failAll = () => {
    for (const { id, state } of bed.cloud.machines.values()) if (state === 'pending') bed.cloud.fail(id, why);
  };
  for (let tenths = 0; tenths < 600; tenths += 1) {
    failAll();
    await bed.run(100);
  }
  // After 10 seconds, and after 20 more.
  expect(bed.cloud.calledTimes('launch')).toBe(3);
  const node = await bed.node();
  expect(conditionOf(node, 'Ready')?.message).toMatch(
    /^HostPortTaken: port 8545 is published by a; next try in \d+ (s|min)$/,
  );
  expect(conditionOf(node, 'Stalled')).toMatchObject({ status: 'True', reason: 'AlreadyExists' });
});
