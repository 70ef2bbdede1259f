import {
  CreateVpcCommand,
  DescribeInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { idsOf, openTestbed } from '../testbed.ts';

test('the same token and parameters give the same machines again', async () => {
  const { launch, sandbox } = await openTestbed();
  const first = await launch({ MaxCount: 3, ClientToken: 'batch' });
  const second = await launch({ MaxCount: 3, ClientToken: 'batch' });
  expect(idsOf(second.Instances)).toEqual(idsOf(first.Instances));
  expect(second.ReservationId).toBe(first.ReservationId);
  expect(second.Instances?.map((instance) => instance.AmiLaunchIndex)).toEqual([0, 1, 2]);
  expect(sandbox.counters.instancesLaunched).toBe(3);
});

test('the same token with other parameters is refused', async () => {
  const { launch } = await openTestbed();
  await launch({ ClientToken: 'batch' });
  await expect(launch({ ClientToken: 'batch', InstanceType: 't3.medium' })).rejects.toMatchObject({
    name: 'IdempotentParameterMismatch',
    $metadata: { httpStatusCode: 400 },
  });
});

test('a token counts for each zone by itself when the call names a subnet', async () => {
  const { launch, subnetIds, sandbox } = await openTestbed();
  await launch({ ClientToken: 'batch', SubnetId: subnetIds[0] });
  await launch({ ClientToken: 'batch', SubnetId: subnetIds[1] });
  expect(sandbox.counters.instancesLaunched).toBe(2);
});

test('a token of machines that are all gone is refused', async () => {
  const { launch, ec2, clock } = await openTestbed();
  const ids = idsOf((await launch({ MaxCount: 2, ClientToken: 'batch' })).Instances);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids.slice(0, 1) }));
  await clock.advance(5000);
  expect(idsOf((await launch({ MaxCount: 2, ClientToken: 'batch' })).Instances)).toEqual(ids);

  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  await clock.advance(5000);
  const again = launch({ MaxCount: 2, ClientToken: 'batch' });
  await expect(again).rejects.toMatchObject({ name: 'IdempotentInstanceTerminated' });
});

test('a refused launch leaves its token free', async () => {
  const { launch, sandbox } = await openTestbed();
  const fault = sandbox.faults.add({ action: 'RunInstances', error: { code: 'InternalError', status: 500 } });
  await expect(launch({ ClientToken: 'batch' })).rejects.toMatchObject({ name: 'InternalError' });
  fault.remove();
  expect((await launch({ ClientToken: 'batch', InstanceType: 't3.medium' })).Instances).toHaveLength(1);
});

test('a launch whose reply was lost is found by its token', async () => {
  const { launch, ec2, sandbox } = await openTestbed();
  sandbox.faults.add({ action: 'RunInstances', lostReply: true, times: 1 });
  await expect(launch({ ClientToken: 'batch' })).rejects.toThrow();
  const { Reservations } = await ec2.send(
    new DescribeInstancesCommand({ Filters: [{ Name: 'client-token', Values: ['batch'] }] }),
  );
  const again = await launch({ ClientToken: 'batch' });
  expect(idsOf(again.Instances)).toEqual(idsOf(Reservations?.[0]?.Instances));
  expect(sandbox.counters.instancesLaunched).toBe(1);
});

test('a zone short of machines gives fewer, and refuses below the minimum', async () => {
  const { launch, sandbox, subnetIds } = await openTestbed();
  sandbox.faults.capacity('us-east-1', 'us-east-1a', 't3.small', 3);
  const partial = await launch({ MinCount: 1, MaxCount: 5, SubnetId: subnetIds[0] });
  expect(partial.Instances).toHaveLength(3);
  await expect(launch({ SubnetId: subnetIds[0] })).rejects.toMatchObject({
    name: 'InsufficientInstanceCapacity',
    $metadata: { httpStatusCode: 500 },
  });
  await expect(launch({ SubnetId: subnetIds[1] })).resolves.toMatchObject({ Instances: [{}] });
});

test('a subnet gives each machine its own address, and takes back those of the gone', async () => {
  const { launch, ec2, clock, subnetIds } = await openTestbed();
  const first = await launch({ MaxCount: 2, SubnetId: subnetIds[0] });
  const addresses = first.Instances?.map((instance) => instance.PrivateIpAddress);
  expect(addresses).toEqual(['172.31.0.4', '172.31.0.5']);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: idsOf(first.Instances).slice(0, 1) }));
  await clock.advance(5000);
  const next = await launch({ SubnetId: subnetIds[0] });
  expect(next.Instances?.[0]?.PrivateIpAddress).toBe('172.31.0.4');
});

test('the public address is given as asked, or as the subnet says', async () => {
  const { launch, subnetIds } = await openTestbed();
  const card = (AssociatePublicIpAddress: boolean) => ({
    NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: subnetIds[0], AssociatePublicIpAddress }],
  });
  expect((await launch()).Instances?.[0]?.PublicIpAddress).toMatch(/^54\./);
  expect((await launch(card(true))).Instances?.[0]?.PublicIpAddress).toMatch(/^54\./);
  expect((await launch(card(false))).Instances?.[0]?.PublicIpAddress).toBeUndefined();
});

test('tags, user data, disk and spot options are kept with the machine', async () => {
  const { launch, sandbox } = await openTestbed();
  const tags = (ResourceType: 'instance' | 'volume') => ({
    ResourceType,
    Tags: [{ Key: 'peerage-cluster', Value: `<${ResourceType}>` }],
  });
  const answer = await launch({
    UserData: Buffer.from('#cloud-config').toString('base64'),
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 20, Encrypted: true } }],
    InstanceMarketOptions: { MarketType: 'spot' },
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    TagSpecifications: [tags('instance'), tags('volume')],
  });
  expect(answer.Instances?.[0]).toMatchObject({
    Tags: [{ Key: 'peerage-cluster', Value: '<instance>' }],
    InstanceLifecycle: 'spot',
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
  });
  expect(sandbox.state('us-east-1').instances[0]).toMatchObject({
    userData: Buffer.from('#cloud-config').toString('base64'),
    volumes: [{ sizeGib: 20, encrypted: true, tags: { 'peerage-cluster': '<volume>' } }],
  });
});

const unknownType: RunInstancesCommandInput['InstanceType'] = JSON.parse('"t99.small"');

test.each([
  ['image', { ImageId: 'ami-00000000000000000' }, 'InvalidAMIID.NotFound'],
  ['malformed image', { ImageId: 'ubuntu' }, 'InvalidAMIID.Malformed'],
  ['instance type', { InstanceType: unknownType }, 'InvalidParameterValue'],
  ['architecture', { InstanceType: 't4g.small' as const }, 'InvalidParameterValue'],
  ['subnet', { SubnetId: 'subnet-00000000000000000' }, 'InvalidSubnetID.NotFound'],
  ['security group', { SecurityGroupIds: ['sg-00000000000000000'] }, 'InvalidGroup.NotFound'],
  ['key', { KeyName: 'nobody' }, 'InvalidKeyPair.NotFound'],
  ['instance profile', { IamInstanceProfile: { Name: 'nobody' } }, 'InvalidParameterValue'],
  ['count', { MinCount: 2, MaxCount: 1 }, 'InvalidParameterValue'],
  ['user data', { UserData: Buffer.alloc(16_385).toString('base64') }, 'InvalidParameterValue'],
  ['token', { ClientToken: 'x'.repeat(65) }, 'InvalidParameterValue'],
  [
    'disk',
    { BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1 } }] },
    'InvalidBlockDeviceMapping',
  ],
  [
    'interface beside a subnet',
    { SubnetId: 'subnet-1', NetworkInterfaces: [{ DeviceIndex: 0 }] },
    'InvalidParameterCombination',
  ],
])('a wrong %s is refused and starts nothing', async (_, input, name) => {
  const { launch, sandbox } = await openTestbed({ instanceProfiles: ['node'] });
  await expect(launch(input)).rejects.toMatchObject({ name });
  expect(sandbox.counters.instancesLaunched).toBe(0);
});

test('groups of another network are refused', async () => {
  const { launch, sandbox, ec2 } = await openTestbed();
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
  const foreign = sandbox.state('us-east-1').securityGroups.find((group) => group.vpcId === Vpc?.VpcId);
  await expect(launch({ SecurityGroupIds: [foreign?.id ?? ''] })).rejects.toMatchObject({
    name: 'InvalidParameter',
  });
});
