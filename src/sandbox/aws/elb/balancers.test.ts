import { CreateSecurityGroupCommand, type CreateSecurityGroupCommandInput } from '@aws-sdk/client-ec2';
import {
  AddTagsCommand,
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  type CreateLoadBalancerCommandInput,
  CreateTargetGroupCommand,
  type CreateTargetGroupCommandInput,
  DeleteLoadBalancerCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTagsCommand,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupCommand,
  paginateDescribeLoadBalancers,
  RemoveTagsCommand,
  SetSecurityGroupsCommand,
  SetSubnetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import type { AwsSandboxOptions } from '../sandbox.ts';
import { openTestbed } from '../testbed.ts';

const certificate = 'arn:aws:acm:us-east-1:123456789012:certificate/6f4f3b2a-0000-4000-8000-000000000001';

async function openBalancing(options: AwsSandboxOptions = {}) {
  const bed = await openTestbed({ certificates: [certificate], ...options });
  const { elb, ec2, subnetIds, vpcId } = bed;
  const create = async (input: Partial<CreateLoadBalancerCommandInput> = {}) => {
    const wanted = { Name: 'front', Type: 'network', Subnets: subnetIds, ...input } as const;
    return (await elb.send(new CreateLoadBalancerCommand(wanted))).LoadBalancers?.[0];
  };
  const pool = async (input: Partial<CreateTargetGroupCommandInput> = {}) => {
    const wanted = { Name: 'pool', Protocol: 'TCP', Port: 80, VpcId: vpcId, ...input } as const;
    return (await elb.send(new CreateTargetGroupCommand(wanted))).TargetGroups?.[0];
  };
  const group = async (input: Partial<CreateSecurityGroupCommandInput> = {}) =>
    (
      await ec2.send(
        new CreateSecurityGroupCommand({ GroupName: 'g', Description: 'g', VpcId: vpcId, ...input }),
      )
    ).GroupId ?? '';
  const state = async (arn: string | undefined) => {
    const answer = await elb.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [arn ?? ''] }));
    return answer.LoadBalancers?.[0]?.State?.Code;
  };
  return { ...bed, create, pool, group, state };
}

test('a balancer is provisioning until its time has come', async () => {
  const { create, state, clock } = await openBalancing();
  const balancer = await create();
  expect(balancer).toMatchObject({ State: { Code: 'provisioning' }, Scheme: 'internet-facing' });
  expect(balancer?.DNSName).toMatch(/^front-[0-9a-f]{16}\.elb\.us-east-1\.amazonaws\.com$/);
  await clock.advance(3000);
  expect(await state(balancer?.LoadBalancerArn)).toBe('active');
});

test('creating what exists gives the same, and with other settings is refused', async () => {
  const { create, pool, subnetIds } = await openBalancing();
  expect((await create())?.LoadBalancerArn).toBe((await create())?.LoadBalancerArn);
  await expect(create({ Subnets: subnetIds.slice(0, 2) })).rejects.toMatchObject({
    name: 'DuplicateLoadBalancerNameException',
  });
  expect((await pool())?.TargetGroupArn).toBe((await pool())?.TargetGroupArn);
  await expect(pool({ Port: 81 })).rejects.toMatchObject({ name: 'DuplicateTargetGroupNameException' });
});

test('an application balancer needs two zones', async () => {
  const { create, subnetIds } = await openBalancing();
  const call = create({ Type: 'application', Subnets: subnetIds.slice(0, 1) });
  await expect(call).rejects.toMatchObject({ name: 'ValidationError' });
});

test.each([
  ['name', { Name: 'x'.repeat(33) }, 'ValidationError'],
  ['subnet', { Subnets: ['subnet-00000000000000000'] }, 'SubnetNotFoundException'],
  ['group', { SecurityGroups: ['sg-00000000000000000'] }, 'InvalidSecurityGroupException'],
])('a wrong %s is refused', async (_, input, name) => {
  const { create } = await openBalancing();
  await expect(create(input)).rejects.toMatchObject({ name });
});

test('a network balancer gets groups at its creation or never', async () => {
  const { create, group, elb } = await openBalancing();
  const groups = [await group()];
  const without = await create();
  const having = await create({ Name: 'other', SecurityGroups: groups });
  const set = (LoadBalancerArn: string | undefined) =>
    elb.send(new SetSecurityGroupsCommand({ LoadBalancerArn, SecurityGroups: groups }));
  await expect(set(without?.LoadBalancerArn)).rejects.toMatchObject({
    name: 'InvalidConfigurationRequestException',
  });
  expect((await set(having?.LoadBalancerArn)).SecurityGroupIds).toEqual(groups);
});

test('deletion protection holds until it is taken off; deleting again succeeds', async () => {
  const { create, elb, sandbox } = await openBalancing();
  const LoadBalancerArn = (await create())?.LoadBalancerArn;
  const protect = (Value: string) =>
    elb.send(
      new ModifyLoadBalancerAttributesCommand({
        LoadBalancerArn,
        Attributes: [{ Key: 'deletion_protection.enabled', Value }],
      }),
    );
  const remove = () => elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn }));
  await protect('true');
  await expect(remove()).rejects.toMatchObject({ name: 'OperationNotPermittedException' });
  await protect('false');
  await remove();
  await remove();
  expect(sandbox.state('us-east-1').loadBalancers).toEqual([]);
});

test('zones of a balancer can be changed', async () => {
  const { create, elb, subnetIds } = await openBalancing();
  const LoadBalancerArn = (await create())?.LoadBalancerArn;
  const { AvailabilityZones } = await elb.send(
    new SetSubnetsCommand({ LoadBalancerArn, Subnets: subnetIds.slice(1, 3) }),
  );
  expect(AvailabilityZones?.map((zone) => zone.ZoneName)).toEqual(['us-east-1b', 'us-east-1c']);
});

test('pages hold every balancer once', async () => {
  const { create, elb } = await openBalancing();
  for (const Name of ['a', 'b', 'c']) await create({ Name });
  const names: string[][] = [];
  for await (const page of paginateDescribeLoadBalancers({ client: elb }, { PageSize: 2 })) {
    names.push((page.LoadBalancers ?? []).map((balancer) => balancer.LoadBalancerName ?? ''));
  }
  expect(names).toEqual([['a', 'b'], ['c']]);
});

test('a name that nobody has is not found', async () => {
  const { elb } = await openBalancing();
  const call = elb.send(new DescribeLoadBalancersCommand({ Names: ['nobody'] }));
  await expect(call).rejects.toMatchObject({
    name: 'LoadBalancerNotFoundException',
    $metadata: { httpStatusCode: 400 },
  });
});

test('a listener is made once; another on its port is refused', async () => {
  const { create, pool, elb } = await openBalancing();
  const LoadBalancerArn = (await create())?.LoadBalancerArn;
  const listen = (TargetGroupArn: string | undefined) =>
    elb.send(
      new CreateListenerCommand({
        LoadBalancerArn,
        Protocol: 'TCP',
        Port: 80,
        DefaultActions: [{ Type: 'forward', TargetGroupArn }],
      }),
    );
  const arn = (await pool())?.TargetGroupArn;
  const first = await listen(arn);
  expect((await listen(arn)).Listeners?.[0]?.ListenerArn).toBe(first.Listeners?.[0]?.ListenerArn);
  const other = (await pool({ Name: 'other' }))?.TargetGroupArn;
  await expect(listen(other)).rejects.toMatchObject({ name: 'DuplicateListenerException' });
});

test('a secure listener needs a certificate that exists', async () => {
  const { create, pool, elb } = await openBalancing();
  const LoadBalancerArn = (await create({ Type: 'application' }))?.LoadBalancerArn;
  const TargetGroupArn = (await pool({ Protocol: 'HTTP' }))?.TargetGroupArn;
  const listen = (...arns: string[]) =>
    elb.send(
      new CreateListenerCommand({
        LoadBalancerArn,
        Protocol: 'HTTPS',
        Port: 443,
        Certificates: arns.map((CertificateArn) => ({ CertificateArn })),
        DefaultActions: [{ Type: 'forward', TargetGroupArn }],
      }),
    );
  await expect(listen()).rejects.toMatchObject({ name: 'ValidationError' });
  await expect(listen(certificate.replace('6f4f', '0000'))).rejects.toMatchObject({
    name: 'CertificateNotFoundException',
  });
  expect((await listen(certificate)).Listeners?.[0]).toMatchObject({
    Certificates: [{ CertificateArn: certificate }],
    SslPolicy: 'ELBSecurityPolicy-2016-08',
  });
});

test('a group serves one balancer, and protocols must fit', async () => {
  const { balanced, create, elb, pool } = await openBalancing();
  const { groupArn } = await balanced();
  const other = (await create({ Name: 'other' }))?.LoadBalancerArn;
  const listen = (TargetGroupArn: string | undefined) =>
    elb.send(
      new CreateListenerCommand({
        LoadBalancerArn: other,
        Protocol: 'TCP',
        Port: 80,
        DefaultActions: [{ Type: 'forward', TargetGroupArn }],
      }),
    );
  await expect(listen(groupArn)).rejects.toMatchObject({ name: 'TargetGroupAssociationLimitException' });
  const http = (await pool({ Name: 'http', Protocol: 'HTTP' }))?.TargetGroupArn;
  await expect(listen(http)).rejects.toMatchObject({ name: 'InvalidConfigurationRequestException' });
});

test('a listener can be pointed elsewhere, and its port moved', async () => {
  const { balanced, pool, elb } = await openBalancing();
  const { listenerArn, balancerArn } = await balanced();
  const TargetGroupArn = (await pool({ Name: 'next' }))?.TargetGroupArn;
  await elb.send(
    new ModifyListenerCommand({
      ListenerArn: listenerArn,
      Port: 81,
      DefaultActions: [{ Type: 'forward', TargetGroupArn }],
    }),
  );
  const { Listeners } = await elb.send(new DescribeListenersCommand({ LoadBalancerArn: balancerArn }));
  expect(Listeners).toMatchObject([{ Port: 81, Protocol: 'TCP', DefaultActions: [{ TargetGroupArn }] }]);
});

test('a group in use cannot go; its balancer takes the listeners along', async () => {
  const { balanced, elb, sandbox } = await openBalancing();
  const { groupArn, balancerArn } = await balanced();
  const remove = () => elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: groupArn }));
  await expect(remove()).rejects.toMatchObject({ name: 'ResourceInUseException' });
  await elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: balancerArn }));
  await remove();
  expect(sandbox.state('us-east-1')).toMatchObject({ targetGroups: [], listeners: [] });
});

test('a health check has the defaults of its protocol, and can be changed', async () => {
  const { pool, elb } = await openBalancing();
  const tcp = await pool();
  expect(tcp).toMatchObject({
    HealthCheckProtocol: 'TCP',
    HealthCheckTimeoutSeconds: 10,
    HealthyThresholdCount: 5,
  });
  const { TargetGroups } = await elb.send(
    new ModifyTargetGroupCommand({
      TargetGroupArn: tcp?.TargetGroupArn,
      HealthCheckProtocol: 'HTTP',
      HealthCheckPath: '/health',
      HealthCheckIntervalSeconds: 10,
    }),
  );
  expect(TargetGroups?.[0]).toMatchObject({
    HealthCheckProtocol: 'HTTP',
    HealthCheckPath: '/health',
    HealthCheckIntervalSeconds: 10,
    Matcher: { HttpCode: '200' },
  });
});

test('tags of balancers, groups and listeners are read together and changed', async () => {
  const { balanced, elb, sandbox } = await openBalancing();
  const { balancerArn, groupArn, listenerArn } = await balanced();
  const ResourceArns = [balancerArn, groupArn, listenerArn];
  await elb.send(new AddTagsCommand({ ResourceArns, Tags: [{ Key: 'cluster', Value: 'c' }] }));
  const { TagDescriptions } = await elb.send(new DescribeTagsCommand({ ResourceArns }));
  expect(TagDescriptions?.map((description) => description.Tags)).toEqual(
    ResourceArns.map(() => [{ Key: 'cluster', Value: 'c' }]),
  );
  expect(sandbox.ownedResources('cluster').map((resource) => resource.type)).toEqual([
    'load-balancer',
    'target-group',
    'listener',
  ]);
  await elb.send(new RemoveTagsCommand({ ResourceArns, TagKeys: ['cluster'] }));
  expect(sandbox.ownedResources('cluster')).toEqual([]);
});

test('tags of more than twenty resources at once are refused', async () => {
  const { create, elb } = await openBalancing();
  const arn = (await create())?.LoadBalancerArn ?? '';
  const call = elb.send(new DescribeTagsCommand({ ResourceArns: Array.from({ length: 21 }, () => arn) }));
  await expect(call).rejects.toMatchObject({ name: 'ValidationError' });
});

test('with read lag a new balancer is not found by its name, but is by its creation', async () => {
  const { create, elb, sandbox, clock } = await openBalancing();
  sandbox.set({ readLagMs: 10_000 });
  const balancer = await create();
  const find = () => elb.send(new DescribeLoadBalancersCommand({ Names: ['front'] }));
  await expect(find()).rejects.toMatchObject({ name: 'LoadBalancerNotFoundException' });
  expect((await create())?.LoadBalancerArn).toBe(balancer?.LoadBalancerArn);
  await clock.advance(10_000);
  expect((await find()).LoadBalancers).toHaveLength(1);
});
