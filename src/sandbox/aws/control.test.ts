import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { controlSandbox } from './control-client.ts';
import { clientsOf, openTestbed } from './testbed.ts';

async function openControl() {
  const bed = await openTestbed();
  return { ...bed, control: controlSandbox(bed.sandbox.url) };
}

test('counters, log and state can be read from another process', async () => {
  const { launch, control, sandbox } = await openControl();
  await launch({
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'peerage-cluster', Value: 'c' }] }],
  });
  expect(await control.counters()).toEqual(sandbox.counters);
  expect(await control.log()).toEqual(sandbox.log);
  expect((await control.state('us-east-1')).instances.map((instance) => instance.state)).toEqual(['pending']);
  expect(await control.ownedResources('peerage-cluster')).toMatchObject([
    { type: 'instance', region: 'us-east-1' },
  ]);
  await control.resetCounters();
  expect((await control.counters()).total).toBe(0);
});

test('faults come and go from another process', async () => {
  const { launch, control } = await openControl();
  const id = await control.addFault({
    action: 'RunInstances',
    error: { code: 'InternalError', status: 500 },
  });
  await expect(launch()).rejects.toMatchObject({ name: 'InternalError' });
  expect(await control.faults()).toMatchObject([{ id, hits: 1 }]);
  await control.removeFault(id);
  await launch();
});

test('capacity, times and lag can be set from another process', async () => {
  const { launch, control, states, subnetIds } = await openControl();
  const zone = { region: 'us-east-1', zone: 'us-east-1a', instanceType: 't3.small' };
  await control.capacity({ ...zone, count: 0 });
  await expect(launch({ SubnetId: subnetIds[0] })).rejects.toMatchObject({
    name: 'InsufficientInstanceCapacity',
  });
  await control.capacity(zone);
  await control.set({ bootMs: 0 });
  await launch({ SubnetId: subnetIds[0] });
  expect(await states()).toEqual(['running']);
  await control.set({ readLagMs: 1000 });
  expect(await states()).toEqual([]);
});

test('machines can end and keys can go at the word of another process', async () => {
  const { running, control, states, sandbox, imageId } = await openControl();
  const [instanceId = ''] = await running(1);
  await control.drift({ kind: 'terminateInstance', region: 'us-east-1', instanceId });
  expect(await states()).toEqual(['shutting-down']);
  await control.identity({ kind: 'forbidKey', accessKeyId: 'AKIASANDBOX' });
  const { ec2 } = clientsOf(sandbox.url);
  const call = new RunInstancesCommand({ ImageId: imageId, MinCount: 1, MaxCount: 1 });
  await expect(ec2.send(call)).rejects.toMatchObject({ name: 'AuthFailure' });
});

test('a wrong word is refused with what is wrong about it', async () => {
  const { control, sandbox } = await openControl();
  await expect(control.set(JSON.parse('{"bootSeconds": 1}'))).rejects.toThrow('bootSeconds');
  const drift = { kind: 'stopInstance', region: 'us-east-1', instanceId: 'i-none' } as const;
  await expect(control.drift(drift)).rejects.toThrow('there is no i-none');
  const unknown = await fetch(new URL('/_sandbox/nothing', sandbox.url));
  expect(unknown.status).toBe(400);
});
