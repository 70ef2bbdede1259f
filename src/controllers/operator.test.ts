/** What `/metrics` says of the clouds. */
import { expect, test } from 'vitest';
import { networkSpec, setUp } from './testbed.ts';

test('machines are counted by state, and a state that has emptied counts none', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork(networkSpec(2));
  await bed.run(10_000);
  const none = { pending: 0, running: 0, stopping: 0, stopped: 0, failed: 0, terminating: 0, terminated: 0 };
  expect(await bed.metric('peerage_machines')).toEqual({ ...none, running: 2 });
  await bed.changeNetwork({ spec: { replicas: 0 } });
  await bed.run(60_000);
  expect(await bed.metric('peerage_machines')).toEqual({ ...none, terminated: 2 });
});

test('machines that were never listed grow old from when their region was opened', async () => {
  const bed = await setUp();
  bed.cloud.refuse('list', 'unauthorized');
  bed.startOperator();
  await bed.makeNetwork(networkSpec(1));
  await bed.run(900_000);
  expect((await bed.metric('peerage_inventory_age_seconds'))['']).toBeGreaterThan(890);
});
