import {
  CreateKeyPairCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeInternetGatewaysCommand,
  DescribeKeyPairsCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { openTestbed } from '../testbed.ts';

test('a region has its zones, and a default subnet in each', async () => {
  const { ec2 } = await openTestbed();
  const { AvailabilityZones } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
  expect(AvailabilityZones?.map((zone) => zone.ZoneId)).toEqual(
    [1, 2, 3, 4, 5, 6].map((number) => `use1-az${number}`),
  );
  const { Subnets } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: 'default-for-az', Values: ['true'] }] }),
  );
  expect(Subnets?.map((subnet) => [subnet.AvailabilityZone, subnet.CidrBlock])).toEqual(
    Array.from('abcdef', (letter, index) => [`us-east-1${letter}`, `172.31.${index * 16}.0/20`]),
  );
});

test('the default VPC can be missing', async () => {
  const { ec2 } = await openTestbed({ defaultVpc: false });
  const { Vpcs } = await ec2.send(
    new DescribeVpcsCommand({ Filters: [{ Name: 'isDefault', Values: ['true'] }] }),
  );
  expect(Vpcs).toEqual([]);
});

test('no read lag hides the default VPC', async () => {
  const { ec2 } = await openTestbed({ readLagMs: 300_000 });
  expect((await ec2.send(new DescribeVpcsCommand({}))).Vpcs).toHaveLength(1);
});

test('machines take addresses from their subnet and give them back', async () => {
  const { ec2, running, subnetIds } = await openTestbed();
  await running(10, { SubnetId: subnetIds[0] });
  const { Subnets } = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: subnetIds.slice(0, 2) }));
  expect(Subnets?.map((subnet) => subnet.AvailableIpAddressCount)).toEqual([4081, 4091]);
});

test('a second VPC has its own subnets, gateway and routes', async () => {
  const { ec2 } = await openTestbed();
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
  const VpcId = Vpc?.VpcId ?? '';
  const subnet = (CidrBlock: string) =>
    ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone: 'us-east-1b' }));
  expect((await subnet('10.0.0.0/24')).Subnet).toMatchObject({
    AvailabilityZone: 'us-east-1b',
    AvailableIpAddressCount: 251,
    MapPublicIpOnLaunch: false,
  });
  await expect(subnet('10.0.0.128/25')).rejects.toMatchObject({ name: 'InvalidSubnet.Conflict' });
  await expect(subnet('10.1.0.0/24')).rejects.toMatchObject({ name: 'InvalidSubnet.Range' });
  const gateways = await ec2.send(
    new DescribeInternetGatewaysCommand({ Filters: [{ Name: 'attachment.vpc-id', Values: [VpcId] }] }),
  );
  expect(gateways.InternetGateways?.[0]?.Attachments).toEqual([{ State: 'available', VpcId }]);
  const tables = await ec2.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }] }),
  );
  expect(tables.RouteTables?.[0]?.Routes?.map((route) => route.DestinationCidrBlock)).toEqual([
    '10.0.0.0/16',
    '0.0.0.0/0',
  ]);
});

test('an unknown VPC, subnet or zone is named in the refusal', async () => {
  const { ec2 } = await openTestbed();
  await expect(ec2.send(new DescribeVpcsCommand({ VpcIds: ['vpc-0'] }))).rejects.toMatchObject({
    name: 'InvalidVpcID.NotFound',
  });
  await expect(ec2.send(new DescribeSubnetsCommand({ SubnetIds: ['subnet-0'] }))).rejects.toMatchObject({
    name: 'InvalidSubnetID.NotFound',
  });
});

test('types tell their architecture and where they are sold; an unknown one is refused', async () => {
  const { ec2 } = await openTestbed();
  const { InstanceTypes } = await ec2.send(
    new DescribeInstanceTypesCommand({ InstanceTypes: ['t4g.small'] }),
  );
  expect(InstanceTypes?.[0]).toMatchObject({
    ProcessorInfo: { SupportedArchitectures: ['arm64'] },
    MemoryInfo: { SizeInMiB: 2048 },
    VCpuInfo: { DefaultVCpus: 2 },
  });
  const { InstanceTypeOfferings } = await ec2.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: ['t4g.small'] }],
    }),
  );
  expect(InstanceTypeOfferings).toHaveLength(6);
  const unknown = new DescribeInstanceTypesCommand({ InstanceTypes: JSON.parse('["t99.small"]') });
  await expect(ec2.send(unknown)).rejects.toMatchObject({ name: 'InvalidInstanceType' });
});

test('an image tells its architecture; unknown and malformed ids are told apart', async () => {
  const { ec2, imageId } = await openTestbed();
  const read = (id: string) => ec2.send(new DescribeImagesCommand({ ImageIds: [id] }));
  expect((await read(imageId)).Images?.[0]).toMatchObject({
    Architecture: 'x86_64',
    RootDeviceName: '/dev/xvda',
  });
  await expect(read('ami-00000000000000000')).rejects.toMatchObject({ name: 'InvalidAMIID.NotFound' });
  await expect(read('ubuntu')).rejects.toMatchObject({ name: 'InvalidAMIID.Malformed' });
});

test('a key pair is found by its name', async () => {
  const { ec2, launch } = await openTestbed();
  await ec2.send(new CreateKeyPairCommand({ KeyName: 'ops' }));
  expect((await ec2.send(new DescribeKeyPairsCommand({ KeyNames: ['ops'] }))).KeyPairs).toHaveLength(1);
  await expect(ec2.send(new CreateKeyPairCommand({ KeyName: 'ops' }))).rejects.toMatchObject({
    name: 'InvalidKeyPair.Duplicate',
  });
  expect((await launch({ KeyName: 'ops' })).Instances?.[0]?.KeyName).toBe('ops');
});
