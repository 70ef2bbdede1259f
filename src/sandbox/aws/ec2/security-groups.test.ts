import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  type IpPermission,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateLoadBalancerCommand,
  DeleteLoadBalancerCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import type { AwsSandboxOptions } from '../sandbox.ts';
import { openTestbed } from '../testbed.ts';

const web: IpPermission = {
  IpProtocol: 'tcp',
  FromPort: 80,
  ToPort: 81,
  IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'inside' }, { CidrIp: '192.168.0.0/16' }],
  Ipv6Ranges: [{ CidrIpv6: '::/0' }],
};

async function openGroups(options?: AwsSandboxOptions) {
  const bed = await openTestbed(options);
  const { ec2, vpcId } = bed;
  const create = async (GroupName: string) =>
    (await ec2.send(new CreateSecurityGroupCommand({ GroupName, Description: 'of a test', VpcId: vpcId })))
      .GroupId ?? '';
  const read = async (id: string) =>
    (await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }))).SecurityGroups?.[0];
  const allow = (GroupId: string, ...IpPermissions: IpPermission[]) =>
    ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  const remove = (GroupId: string) => ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
  return { ...bed, create, read, allow, remove };
}

test('a new group lets nothing in and everything out', async () => {
  const { create, read } = await openGroups();
  const group = await read(await create('nodes'));
  expect(group?.IpPermissions).toEqual([]);
  expect(group?.IpPermissionsEgress).toMatchObject([
    { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
  ]);
});

test('a name is taken once in a VPC', async () => {
  const { create } = await openGroups();
  await create('nodes');
  await expect(create('nodes')).rejects.toMatchObject({ name: 'InvalidGroup.Duplicate' });
});

test('rules come back as they were allowed, one for each source', async () => {
  const { create, read, allow, ec2 } = await openGroups();
  const other = await create('other');
  const id = await create('nodes');
  const added = await allow(id, web, {
    ...web,
    IpRanges: [],
    Ipv6Ranges: [],
    UserIdGroupPairs: [{ GroupId: other }],
  });
  expect(added.SecurityGroupRules).toHaveLength(4);
  expect((await read(id))?.IpPermissions).toMatchObject([{ ...web, UserIdGroupPairs: [{ GroupId: other }] }]);
  const { SecurityGroupRules } = await ec2.send(
    new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [id] }] }),
  );
  expect(SecurityGroupRules?.filter((rule) => rule.IsEgress === false)).toHaveLength(4);
});

test('an address in a block is kept as the block', async () => {
  const { create, read, allow } = await openGroups();
  const id = await create('nodes');
  await allow(id, { IpProtocol: '-1', IpRanges: [{ CidrIp: '10.1.2.3/8' }] });
  expect((await read(id))?.IpPermissions).toMatchObject([{ IpRanges: [{ CidrIp: '10.0.0.0/8' }] }]);
});

test('a rule that exists refuses the whole call', async () => {
  const { create, read, allow } = await openGroups();
  const id = await create('nodes');
  await allow(id, { ...web, IpRanges: [{ CidrIp: '10.0.0.0/8' }], Ipv6Ranges: [] });
  await expect(allow(id, web)).rejects.toMatchObject({ name: 'InvalidPermission.Duplicate' });
  expect((await read(id))?.IpPermissions?.[0]?.IpRanges).toHaveLength(1);
});

test('rules are revoked by description of traffic or by id; an unknown one is refused', async () => {
  const { create, read, allow, ec2 } = await openGroups();
  const id = await create('nodes');
  const { SecurityGroupRules } = await allow(id, web);
  const revoke = (IpPermissions: IpPermission[]) =>
    ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: id, IpPermissions }));
  await revoke([{ ...web, IpRanges: [{ CidrIp: '192.168.0.0/16' }], Ipv6Ranges: [] }]);
  const ruleId = SecurityGroupRules?.find((rule) => rule.CidrIpv6 === '::/0')?.SecurityGroupRuleId ?? '';
  await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: id, SecurityGroupRuleIds: [ruleId] }));
  expect((await read(id))?.IpPermissions).toMatchObject([
    { IpRanges: [{ CidrIp: '10.0.0.0/8' }], Ipv6Ranges: [] },
  ]);
  await expect(revoke([web])).rejects.toMatchObject({ name: 'InvalidPermission.NotFound' });
});

test('the rule that lets everything out can be revoked', async () => {
  const { create, read, ec2 } = await openGroups();
  const id = await create('nodes');
  const everything = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
  await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: id, IpPermissions: [everything] }));
  expect((await read(id))?.IpPermissionsEgress).toEqual([]);
});

test.each([
  ['port range', { FromPort: 90, ToPort: 80 }, 'InvalidParameterValue'],
  ['block', { IpRanges: [{ CidrIp: '10.0.0.0/40' }] }, 'InvalidParameterValue'],
  ['protocol', { IpProtocol: 'quic' }, 'InvalidPermission.Malformed'],
  ['group', { UserIdGroupPairs: [{ GroupId: 'sg-00000000000000000' }] }, 'InvalidGroup.NotFound'],
])('a wrong %s is refused', async (_, change, name) => {
  const { create, allow } = await openGroups();
  const id = await create('nodes');
  await expect(allow(id, { ...web, ...change })).rejects.toMatchObject({ name });
});

test('a direction holds sixty rules', async () => {
  const { create, allow } = await openGroups();
  const id = await create('nodes');
  const blocks = (from: number, count: number) => ({
    IpProtocol: 'tcp',
    FromPort: 1,
    ToPort: 1,
    IpRanges: Array.from({ length: count }, (_, index) => ({ CidrIp: `10.${from + index}.0.0/16` })),
  });
  await allow(id, blocks(0, 60));
  await expect(allow(id, blocks(60, 1))).rejects.toMatchObject({
    name: 'RulesPerSecurityGroupLimitExceeded',
  });
});

test('a group cannot go while a machine that is not yet terminated has it', async () => {
  const { create, remove, running, clock, ec2 } = await openGroups();
  const id = await create('nodes');
  const ids = await running(1, { SecurityGroupIds: [id] });
  await expect(remove(id)).rejects.toMatchObject({ name: 'DependencyViolation' });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  await clock.advance(4999);
  await expect(remove(id)).rejects.toMatchObject({ name: 'DependencyViolation' });
  await clock.advance(1);
  await remove(id);
});

test('a group cannot go while a rule of another names it', async () => {
  const { create, remove, allow } = await openGroups();
  const [named, naming] = [await create('named'), await create('naming')];
  await allow(naming, { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: named }] });
  await expect(remove(named)).rejects.toMatchObject({ name: 'DependencyViolation' });
  await remove(naming);
  await remove(named);
});

test('a group cannot go while the interfaces of a balancer linger', async () => {
  const { create, remove, clock, ec2, elb, subnetIds } = await openGroups({ interfaceLingerMs: 20_000 });
  const id = await create('front');
  const { LoadBalancers } = await elb.send(
    new CreateLoadBalancerCommand({
      Name: 'front',
      Type: 'network',
      Subnets: subnetIds,
      SecurityGroups: [id],
    }),
  );
  await elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn }));
  await clock.advance(19_999);
  const { NetworkInterfaces } = await ec2.send(
    new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'group-id', Values: [id] }] }),
  );
  expect(NetworkInterfaces).toHaveLength(6);
  await expect(remove(id)).rejects.toMatchObject({ name: 'DependencyViolation' });
  await clock.advance(1);
  await remove(id);
});
