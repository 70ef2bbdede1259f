/** A placement takes other subnets of its VPC, and no other VPC. */
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TAGS } from '../../src/clouds/cloud.ts';
import { deleteObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { type Area, conditionOf, placementIn, type Stage, startStage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage(['within', 'beyond', 'given-up']);
});
afterAll(() => stage?.close());

describe.concurrent('a placement', () => {
  test('takes other subnets of its VPC: the same balancer and groups, other machines', async () => {
    const area = stage.area('within');
    const [vpc] = area.cloud().vpcs;
    const zones = [`${area.region}a`, `${area.region}b`];
    const old = area
      .cloud()
      .subnets.filter(({ zone }) => zones.includes(zone))
      .map(({ id }) => id);
    await area.make(within(area, old));
    await area.untilReady(2);
    const before = standing(area);
    const machines = area.machines().map(({ id }) => id);
    const wished: string[] = [];
    for (const [index, zone] of zones.entries())
      wished.push(await makeSubnet(area, vpc?.id ?? '', { zone, cidr: `172.31.${200 + index}.0/24` }));

    await area.change({ spec: within(area, wished) });
    await eventually(
      async () => area.machines(),
      (now) => now.length === 2 && now.every(({ subnetId }) => wished.includes(subnetId)),
      { what: 'machines in the new subnets only' },
    );
    await area.untilReady(2);

    expect(standing(area)).toEqual(before);
    expect(area.machines().filter(({ id }) => machines.includes(id))).toEqual([]);
    const [balancer] = area.cloud().loadBalancers;
    expect(balancer?.zones.map(({ subnetId }) => subnetId).toSorted()).toEqual(wished.toSorted());
    const [pool] = area.cloud().targetGroups;
    expect(pool?.targets.filter(({ state }) => state !== 'draining')).toHaveLength(2);
  });

  test('stays in its VPC: the wish for another one is reported, and nothing is changed', async () => {
    const area = stage.area('beyond');
    await area.make();
    await area.untilReady(2);
    const before = [standing(area), area.machines().map(({ id }) => id)];

    await area.change({ spec: within(area, [await subnetOfAnotherVpc(area)]) });
    const { status } = await area.until((network) => isStuck(network));

    expect(status.conditions?.find(({ type }) => type === 'Stalled')?.message).toMatch(
      /VpcChanged: \S+ first stands in vpc-\w+ .* add a placement under another name; next try in/,
    );
    expect([standing(area), area.machines().map(({ id }) => id)]).toEqual(before);
    await area.change({ spec: { placements: [placementIn(area.region)] } });
    await area.untilReady(2);
    expect([standing(area), area.machines().map(({ id }) => id)]).toEqual(before);
  });

  test('that names another VPC is removed from the one it stands in', async () => {
    const area = stage.area('given-up');
    await area.make({ placements: [placementIn(area.region, { replicas: 1 })] });
    await area.untilReady(1);
    await area.change({ spec: within(area, [await subnetOfAnotherVpc(area)]) });
    await area.until((network) => isStuck(network));

    await deleteObject(area.pathOf('networks', 'dev'));
    await area.untilGone();

    expect(area.machines()).toEqual([]);
    expect(area.owned().filter(({ type }) => type !== 'instance')).toEqual([]);
  });
});

const within = (area: Area, subnetIds: readonly string[]) => ({
  placements: [
    placementIn(area.region, {
      aws: { region: area.region, instanceType: 't3.small', network: { subnetIds } },
    }),
  ],
});

const isStuck = (network: Parameters<typeof conditionOf>[0] & { metadata: { generation: number } }) =>
  network.status.observedGeneration === network.metadata.generation &&
  conditionOf(network, 'Stalled')?.status === 'True';

/** What outlives the machines. */
function standing(area: Area): readonly string[] {
  const { securityGroups, loadBalancers, targetGroups, listeners } = area.cloud();
  const groups = securityGroups.filter(({ tags }) => TAGS.cluster in tags);
  return [...groups, ...loadBalancers, ...targetGroups, ...listeners].map(({ id }) => id);
}

async function subnetOfAnotherVpc(area: Area): Promise<string> {
  const { Vpc } = await clientOf(area).send(new CreateVpcCommand({ CidrBlock: '10.9.0.0/16' }));
  return await makeSubnet(area, Vpc?.VpcId ?? '', { zone: `${area.region}a`, cidr: '10.9.0.0/20' });
}

async function makeSubnet(
  area: Area,
  VpcId: string,
  { zone, cidr }: { readonly zone: string; readonly cidr: string },
): Promise<string> {
  const { Subnet } = await clientOf(area).send(
    new CreateSubnetCommand({ VpcId, CidrBlock: cidr, AvailabilityZone: zone }),
  );
  return Subnet?.SubnetId ?? '';
}

function clientOf({ region, accessKeyId }: Area): EC2Client {
  const credentials = { accessKeyId, secretAccessKey: 'any' };
  return new EC2Client({ region, endpoint: stage.sandbox.url, credentials });
}
