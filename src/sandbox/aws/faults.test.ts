import { gzipSync } from 'node:zlib';
import { DescribeInstancesCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import { CreateTargetGroupCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import { openTestbed } from './testbed.ts';

test('an error comes instead of the deed, as often as asked, after as many calls as asked', async () => {
  const { launch, sandbox } = await openTestbed();
  const error = { code: 'UnauthorizedOperation', status: 403, message: 'You are not authorized' };
  const fault = sandbox.faults.add({ action: 'ec2:RunInstances', error, skip: 1, times: 1 });
  await launch();
  await expect(launch()).rejects.toMatchObject({
    name: 'UnauthorizedOperation',
    message: 'You are not authorized',
    $metadata: { httpStatusCode: 403 },
  });
  await launch();
  expect(fault.hits).toBe(1);
  expect(sandbox.counters.instancesLaunched).toBe(2);
});

test('a lost reply does the deed; a dropped request does not', async () => {
  const { launch, sandbox } = await openTestbed();
  sandbox.faults.add({ action: 'RunInstances', lostReply: true, times: 1 });
  await expect(launch()).rejects.toThrow();
  expect(sandbox.counters.instancesLaunched).toBe(1);
  sandbox.faults.add({ action: 'RunInstances', dropRequest: true, times: 1 });
  await expect(launch()).rejects.toThrow();
  expect(sandbox.counters.instancesLaunched).toBe(1);
  expect(sandbox.log.map((entry) => entry.outcome).slice(-2)).toEqual(['lostReply', 'dropRequest']);
});

test('a fault may be for some parameters only', async () => {
  const { launch, subnetIds, sandbox } = await openTestbed();
  sandbox.faults.add({
    action: '*',
    where: { SubnetId: subnetIds[0] ?? '' },
    error: { code: 'InsufficientInstanceCapacity', status: 500 },
  });
  await expect(launch({ SubnetId: subnetIds[0] })).rejects.toMatchObject({
    name: 'InsufficientInstanceCapacity',
  });
  await launch({ SubnetId: subnetIds[1] });
});

test('hooks stand before and after the deed, and the call waits for them', async () => {
  const { launch, sandbox } = await openTestbed();
  const seen: string[] = [];
  const note = (when: string) => async (call: { action: string }, outcome: string) => {
    await Promise.resolve();
    seen.push(`${when} ${call.action} ${outcome} ${sandbox.counters.instancesLaunched}`);
  };
  const stop = [sandbox.faults.beforeCall(note('before')), sandbox.faults.afterCall(note('after'))];
  await launch();
  expect(seen).toEqual(['before RunInstances open 0', 'after RunInstances ok 1']);
  for (const each of stop) each();
  await launch();
  expect(seen).toHaveLength(2);
});

test('a call can be held open until a test lets it go', async () => {
  const { launch, sandbox } = await openTestbed();
  const gate = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  sandbox.faults.add({
    action: 'RunInstances',
    onCall: () => {
      held.resolve();
      return gate.promise;
    },
  });
  const call = launch();
  await held.promise;
  expect(sandbox.counters.instancesLaunched).toBe(0);
  gate.resolve();
  await call;
  expect(sandbox.counters.instancesLaunched).toBe(1);
});

test('an action that does not exist is refused and counted', async () => {
  const { sandbox } = await openTestbed();
  const response = await fetch(sandbox.url, {
    method: 'POST',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/ec2/aws4_request' },
    body: 'Action=DescribeMoonPhases',
  });
  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('InvalidAction')]);
  expect(sandbox.counters.unimplemented).toBe(1);
});

test('what nobody signed is refused and not counted', async () => {
  const { sandbox } = await openTestbed();
  expect((await fetch(sandbox.url)).status).toBe(403);
  expect(sandbox.counters.total).toBe(0);
});

test('calls are counted by action, and logged without user data', async () => {
  const { launch, ec2, elb, vpcId, sandbox } = await openTestbed();
  await launch({ UserData: Buffer.from('planted').toString('base64') });
  await ec2.send(new DescribeVpcsCommand({}));
  await elb.send(new CreateTargetGroupCommand({ Name: 'pool', Protocol: 'TCP', Port: 80, VpcId: vpcId }));
  expect(sandbox.counters).toMatchObject({
    total: 3,
    calls: { 'ec2:RunInstances': 1, 'ec2:DescribeVpcs': 1, 'elasticloadbalancing:CreateTargetGroup': 1 },
  });
  expect(JSON.stringify(sandbox.log)).not.toContain(Buffer.from('planted').toString('base64'));
});

test('a compressed request is read like any other', async () => {
  const { sandbox } = await openTestbed();
  const response = await fetch(sandbox.url, {
    method: 'POST',
    headers: {
      authorization: 'AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/ec2/aws4_request',
      'content-encoding': 'gzip',
    },
    body: gzipSync('Action=DescribeInstances'),
  });
  expect(await response.text()).toContain('<reservationSet></reservationSet>');
});

test('regions share nothing', async () => {
  const { launch, sandbox, ec2 } = await openTestbed();
  await launch();
  await ec2.send(new DescribeInstancesCommand({}));
  expect(sandbox.state('eu-west-1').instances).toEqual([]);
  expect(sandbox.state('eu-west-1').subnets.map((subnet) => subnet.zone)).toEqual([
    'eu-west-1a',
    'eu-west-1b',
    'eu-west-1c',
  ]);
});
