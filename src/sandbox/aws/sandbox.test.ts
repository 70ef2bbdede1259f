import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DeleteLoadBalancerCommand,
  DeleteTargetGroupCommand,
  DescribeTargetHealthCommand,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { expect, test } from 'vitest';
import { openTestbed } from './testbed.ts';

test('a machine behind a balancer lives from the first call to the last', async () => {
  const { sandbox, clock, ec2, elb, sts, ssm } = await openTestbed({ throttle: 'published' });

  const { Account } = await sts.send(new GetCallerIdentityCommand({}));
  expect(Account).toBe('123456789012');
  const { Parameter } = await ssm.send(
    new GetParameterCommand({
      Name: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
    }),
  );
  const { Vpcs } = await ec2.send(
    new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] }),
  );
  const vpcId = Vpcs?.[0]?.VpcId;
  const { Subnets } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId ?? ''] }] }),
  );
  expect(Subnets?.map((subnet) => subnet.AvailabilityZone)).toHaveLength(6);

  const group = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName: 'nodes', Description: 'nodes', VpcId: vpcId }),
  );
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: group.GroupId,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: 8545, ToPort: 8545, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
      ],
    }),
  );
  const launched = await ec2.send(
    new RunInstancesCommand({
      ImageId: Parameter?.Value,
      InstanceType: 't3.small',
      MinCount: 1,
      MaxCount: 2,
      ClientToken: 'one',
      SubnetId: Subnets?.[0]?.SubnetId,
      SecurityGroupIds: [group.GroupId ?? ''],
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'peerage-cluster', Value: 'c' }] }],
    }),
  );
  const ids = launched.Instances?.map((instance) => instance.InstanceId ?? '') ?? [];
  expect(launched.Instances?.map((instance) => [instance.State?.Name, instance.AmiLaunchIndex])).toEqual([
    ['pending', 0],
    ['pending', 1],
  ]);
  await clock.advance(5000);
  const described = await ec2.send(
    new DescribeInstancesCommand({
      Filters: [{ Name: 'tag:peerage-cluster', Values: ['c'] }],
      MaxResults: 1000,
    }),
  );
  expect(described.Reservations?.[0]?.Instances?.map((instance) => instance.State?.Name)).toEqual([
    'running',
    'running',
  ]);

  const balancer = await elb.send(
    new CreateLoadBalancerCommand({
      Name: 'front',
      Type: 'network',
      Subnets: Subnets?.map((subnet) => subnet.SubnetId ?? ''),
      SecurityGroups: [group.GroupId ?? ''],
    }),
  );
  const balancerArn = balancer.LoadBalancers?.[0]?.LoadBalancerArn;
  const pool = await elb.send(
    new CreateTargetGroupCommand({ Name: 'pool', Protocol: 'TCP', Port: 8545, VpcId: vpcId }),
  );
  const poolArn = pool.TargetGroups?.[0]?.TargetGroupArn;
  await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: balancerArn,
      Protocol: 'TCP',
      Port: 8545,
      DefaultActions: [{ Type: 'forward', TargetGroupArn: poolArn }],
    }),
  );
  await elb.send(new RegisterTargetsCommand({ TargetGroupArn: poolArn, Targets: ids.map((Id) => ({ Id })) }));
  await clock.advance(8000);
  const health = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: poolArn }));
  expect(health.TargetHealthDescriptions?.map((target) => target.TargetHealth?.State)).toEqual([
    'healthy',
    'healthy',
  ]);

  await elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: balancerArn }));
  await elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: poolArn }));
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  await expect(ec2.send(new DeleteSecurityGroupCommand({ GroupId: group.GroupId }))).rejects.toMatchObject({
    name: 'DependencyViolation',
  });
  await clock.advance(5000);
  await ec2.send(new DeleteSecurityGroupCommand({ GroupId: group.GroupId }));
  expect(sandbox.ownedResources('peerage-cluster')).toEqual([]);
  expect(sandbox.counters).toMatchObject({ unimplemented: 0, throttled: 0, instancesLaunched: 2 });
});

test('settings change while it runs; a lag longer than its memory is refused', async () => {
  const { sandbox, running, launch, states } = await openTestbed();
  await running(1);
  sandbox.set({ bootMs: 60_000, instanceProfiles: ['node'] });
  expect(await states()).toEqual(['running']);
  await launch({ IamInstanceProfile: { Name: 'node' } });
  expect(await states()).toEqual(['running', 'pending']);
  await expect(launch({ IamInstanceProfile: { Name: 'other' } })).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
  expect(() => sandbox.set({ readLagMs: 3_600_000 })).toThrow(RangeError);
});

test('balancers and rules can go, and machines stop, behind the back of whoever made them', async () => {
  const { sandbox, running, states, balanced } = await openTestbed();
  const [instanceId = ''] = await running(1);
  const { balancerArn, listenerArn } = await balanced();
  const { behindTheBack } = sandbox;
  const groupId = sandbox.state('us-east-1').securityGroups[0]?.id ?? '';
  behindTheBack.revokeRules('us-east-1', groupId, 'ingress');
  expect(sandbox.state('us-east-1').securityGroups[0]?.rules).toMatchObject([{ egress: true }]);
  behindTheBack.stopInstance('us-east-1', instanceId);
  expect(await states()).toEqual(['stopped']);
  behindTheBack.deleteListener('us-east-1', listenerArn);
  expect(sandbox.state('us-east-1')).toMatchObject({ listeners: [], loadBalancers: [{ id: balancerArn }] });
  behindTheBack.deleteLoadBalancer('us-east-1', balancerArn);
  expect(sandbox.state('us-east-1').loadBalancers).toEqual([]);
});
