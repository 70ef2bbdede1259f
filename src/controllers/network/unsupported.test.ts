/** What got past `kubectl apply` and a cloud has no means for: told with its field, left alone, and gone with the field. */
import { expect, test } from 'vitest';
import { CloudError } from '../../clouds/cloud.ts';
import { balancer, conditionOf, setUp } from '../testbed.ts';

const refusal = (api: string, message: string) => () =>
  new CloudError({ api, code: 'unsupported', outcome: 'none', reason: 'NotHere', message });

test('around machines: the Network is stalled until the spec is another', async () => {
  const bed = await setUp();
  bed.startOperator();
  bed.cloud.refuse('run', refusal('plan', 'port 53 asks for UDP'));
  await bed.makeNetwork({ balancer });
  await bed.run(10_000);
  const stalled = conditionOf(await bed.network(), 'Stalled');
  expect(stalled).toMatchObject({ status: 'True', reason: 'Unsupported' });
  expect(stalled?.message).toContain('port 53 asks for UDP');
  bed.cloud.refuse('run');
  await bed.changeNetwork({ spec: { balancer: { ...balancer, drainSeconds: 5 } } });
  await bed.run(10_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
});

test('of a machine: its Node is stalled, and gives way to one that can be', async () => {
  const bed = await setUp();
  bed.startOperator();
  bed.cloud.refuse('launch', refusal('ContainerCreate', 'init prepares a machine'));
  await bed.makeNetwork({ init: 'true' });
  await bed.run(10_000);
  const [refused] = await bed.nodes();
  const stalled = refused && conditionOf(refused, 'Stalled');
  expect(stalled).toMatchObject({ status: 'True', reason: 'Unsupported' });
  expect(stalled?.message).toContain('init prepares a machine');
  bed.cloud.refuse('launch');
  await bed.changeNetwork({ spec: { init: null } });
  await bed.run(60_000);
  const after = await bed.nodes();
  expect(after).toHaveLength(1);
  expect(after[0]?.metadata.uid).not.toBe(refused?.metadata.uid);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
});
