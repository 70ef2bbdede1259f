/** Where a region has no default VPC, and placements name what they attach to. */
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Area, conditionOf, placementIn, type Stage, startStage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage(['no-default', 'no-subnet', 'two-vpcs'], { sandbox: { defaultVpc: false } });
});
afterAll(() => stage?.close());

async function madeVpc(area: Area): Promise<{ readonly vpc: string; readonly subnet: string }> {
  const ec2 = new EC2Client({
    region: area.region,
    endpoint: stage.sandbox.url,
    credentials: { accessKeyId: area.accessKeyId, secretAccessKey: 'any' },
  });
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.1.0.0/16' }));
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: '10.1.1.0/24' }));
  return { vpc: Vpc?.VpcId ?? '', subnet: Subnet?.SubnetId ?? '' };
}

const attachedTo = (area: Area, network?: object) => ({
  placements: [
    placementIn(area.region, {
      replicas: 1,
      aws: { region: area.region, instanceType: 't3.small', ...(network && { network }) },
    }),
  ],
});

async function stalls(area: Area, reason: string, words: string): Promise<void> {
  const { status } = await area.until((network) => {
    expect(conditionOf(network, 'Stalled')).toMatchObject({
      reason,
      message: expect.stringContaining(words),
    });
  });
  expect(conditionOf({ status }, 'Ready')).toMatchObject({ status: 'False', reason });
  expect(area.owned()).toEqual([]);
}

test.concurrent('without a default VPC a placement has to name its network, and says how', async () => {
  const area = stage.area('no-default');
  await area.make(attachedTo(area));
  await stalls(area, 'NetworkNotFound', `${area.region} has no default VPC; name one in network.vpcId`);
  const { vpc } = await madeVpc(area);
  await area.change({ spec: attachedTo(area, { vpcId: vpc }) });
  const { status } = await area.untilReady(1);
  expect(status.placements?.[0]?.network).toBe(`VPC ${vpc} of ${area.region}, by its id`);
});

test.concurrent('a subnet that does not exist is named', async () => {
  const area = stage.area('no-subnet');
  const { subnet } = await madeVpc(area);
  await area.make(attachedTo(area, { subnetIds: [subnet, 'subnet-0123456789abcdef0'] }));
  await stalls(area, 'NetworkNotFound', `there is no subnet-0123456789abcdef0 in ${area.region}`);
  await area.change({ spec: attachedTo(area, { subnetIds: [subnet] }) });
  await area.untilReady(1);
  expect(area.machines()).toMatchObject([{ subnetId: subnet }]);
});

test.concurrent('subnets of two VPCs are not picked from: both are named', async () => {
  const area = stage.area('two-vpcs');
  const [first, second] = [await madeVpc(area), await madeVpc(area)];
  await area.make(attachedTo(area, { subnetIds: [first.subnet, second.subnet] }));
  const vpcs = [first.vpc, second.vpc].toSorted().join(' and ');
  await stalls(area, 'AmbiguousNetwork', `the subnets are of ${vpcs}`);
  await area.change({ spec: attachedTo(area, { subnetIds: [second.subnet] }) });
  await area.untilReady(1);
  expect(area.machines()).toMatchObject([{ subnetId: second.subnet }]);
});
