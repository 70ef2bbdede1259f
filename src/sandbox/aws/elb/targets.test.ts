import { CreateSubnetCommand, CreateVpcCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
  SetSubnetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import { idsOf, openTestbed } from '../testbed.ts';

async function openTargets(type: 'network' | 'application' = 'network') {
  const bed = await openTestbed();
  const front = await bed.balanced(type);
  const targets = (ids: readonly string[]) => ({
    TargetGroupArn: front.groupArn,
    Targets: ids.map((Id) => ({ Id })),
  });
  const register = (ids: readonly string[]) => bed.elb.send(new RegisterTargetsCommand(targets(ids)));
  const deregister = (ids: readonly string[]) => bed.elb.send(new DeregisterTargetsCommand(targets(ids)));
  const drainFor = (seconds: number) =>
    bed.elb.send(
      new ModifyTargetGroupAttributesCommand({
        TargetGroupArn: front.groupArn,
        Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: String(seconds) }],
      }),
    );
  return { ...bed, ...front, register, deregister, drainFor, health: () => bed.health(front.groupArn) };
}

test('a target is initial, then healthy', async () => {
  const { running, register, health, clock } = await openTargets();
  await register(await running(1));
  expect(await health()).toEqual(['initial']);
  await clock.advance(4999);
  expect(await health()).toEqual(['initial']);
  await clock.advance(1);
  expect(await health()).toEqual(['healthy']);
});

test('only running machines are taken, all or none', async () => {
  const { running, launch, register, health } = await openTargets();
  const ids = await running(1);
  const young = idsOf((await launch()).Instances);
  await expect(register([...ids, ...young])).rejects.toMatchObject({ name: 'InvalidTargetException' });
  await expect(register(['i-00000000000000000'])).rejects.toMatchObject({ name: 'InvalidTargetException' });
  expect(await health()).toEqual([]);
});

test('machines of another network are not taken', async () => {
  const { running, register, ec2 } = await openTargets();
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: '10.0.0.0/24' }));
  const ids = await running(1, { SubnetId: Subnet?.SubnetId });
  await expect(register(ids)).rejects.toMatchObject({ name: 'InvalidTargetException' });
});

test('what is deregistered drains, then is gone', async () => {
  const { running, register, deregister, drainFor, health, clock } = await openTargets();
  await drainFor(30);
  const ids = await running(2);
  await register(ids);
  await clock.advance(5000);
  await deregister(ids.slice(0, 1));
  expect(await health()).toEqual(['draining', 'healthy']);
  await clock.advance(30_000);
  expect(await health()).toEqual(['healthy']);
});

test('registering while draining starts anew', async () => {
  const { running, register, deregister, health, clock } = await openTargets();
  const ids = await running(1);
  await register(ids);
  await clock.advance(5000);
  await deregister(ids);
  await register(ids);
  expect(await health()).toEqual(['initial']);
});

test('registering again changes nothing', async () => {
  const { running, register, health, clock } = await openTargets();
  const ids = await running(1);
  await register(ids);
  await clock.advance(5000);
  await register(ids);
  expect(await health()).toEqual(['healthy']);
});

test('a machine that ends leaves by itself', async () => {
  const { running, register, drainFor, health, clock, ec2 } = await openTargets();
  await drainFor(10);
  const ids = await running(1);
  await register(ids);
  await clock.advance(5000);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  expect(await health()).toEqual(['draining']);
  await clock.advance(10_000);
  expect(await health()).toEqual([]);
});

test('a target outside the zones of the balancer is unused', async () => {
  const { running, register, elb, balancerArn, subnetIds, health } = await openTargets();
  await elb.send(new SetSubnetsCommand({ LoadBalancerArn: balancerArn, Subnets: subnetIds.slice(0, 1) }));
  await register(await running(1, { SubnetId: subnetIds[1] }));
  expect(await health()).toEqual(['unused']);
});

test('health can be set from outside, and given back', async () => {
  const { running, register, groupArn, health, clock, sandbox, elb } = await openTargets();
  const ids = await running(1);
  await register(ids);
  await clock.advance(5000);
  sandbox.behindTheBack.setHealth(groupArn, ids[0] ?? '', 'unhealthy');
  const answer = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: groupArn }));
  expect(answer.TargetHealthDescriptions?.[0]?.TargetHealth).toMatchObject({
    State: 'unhealthy',
    Reason: 'Target.FailedHealthChecks',
  });
  sandbox.behindTheBack.setHealth(groupArn, ids[0] ?? '', undefined);
  expect(await health()).toEqual(['healthy']);
});

test('asked for by id, what is not registered says so', async () => {
  const { groupArn, elb } = await openTargets();
  const answer = await elb.send(
    new DescribeTargetHealthCommand({ TargetGroupArn: groupArn, Targets: [{ Id: 'i-00000000000000000' }] }),
  );
  expect(answer.TargetHealthDescriptions?.[0]?.TargetHealth?.Reason).toBe('Target.NotRegistered');
});

test('a network balancer takes five hundred targets in a zone', async () => {
  const { running, register, subnetIds } = await openTargets();
  const ids = await running(501, { SubnetId: subnetIds[0] });
  await register(ids.slice(0, 500));
  await expect(register(ids.slice(500))).rejects.toMatchObject({ name: 'TooManyTargetsException' });
  await register(await running(1, { SubnetId: subnetIds[1] }));
});

test('balancing across zones makes it five hundred in all', async () => {
  const { running, register, subnetIds, elb, balancerArn } = await openTargets();
  await elb.send(
    new ModifyLoadBalancerAttributesCommand({
      LoadBalancerArn: balancerArn,
      Attributes: [{ Key: 'load_balancing.cross_zone.enabled', Value: 'true' }],
    }),
  );
  await register(await running(500, { SubnetId: subnetIds[0] }));
  const beyond = register(await running(1, { SubnetId: subnetIds[1] }));
  await expect(beyond).rejects.toMatchObject({ name: 'TooManyTargetsException' });
});

test('a group takes a thousand targets; those that leave make room', async () => {
  const { running, register, deregister, subnetIds } = await openTargets();
  const ids: string[] = [];
  for (const SubnetId of subnetIds.slice(0, 3)) ids.push(...(await running(334, { SubnetId })));
  await register(ids.slice(0, 1000));
  await expect(register(ids.slice(1000))).rejects.toMatchObject({ name: 'TooManyTargetsException' });
  await deregister(ids.slice(0, 2));
  await register(ids.slice(1000));
});
