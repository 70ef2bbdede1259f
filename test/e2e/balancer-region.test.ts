/** Placements of a region share one balancer, and what stands follows when that is wished otherwise. */
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { TAGS } from '../../src/clouds/cloud.ts';
import { deleteObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { type Area, conditionOf, isReady, placementIn, type Stage, startStage, stays } from './stage.ts';

vi.setConfig({ maxConcurrency: 10 });

let stage: Stage;

beforeAll(async () => {
  stage = await startStage(['shared', 'switched', 'sudden', 'apart', 'planned', 'empty', 'orphaned']);
});
afterAll(() => stage?.close());

type Scope = 'Placement' | 'Region';

const balancer = (scope: Scope) => ({
  type: 'Network',
  scope,
  ports: [{ port: 8545, targetPort: 'rpc' }],
  drainSeconds: 1,
});
const places = (area: Area, replicas: Readonly<Record<string, number>>) =>
  Object.entries(replicas).map(([name, count]) => placementIn(area.region, { name, replicas: count }));
const two = (
  area: Area,
  scope: Scope,
  replicas: Readonly<Record<string, number>> = { east: 2, west: 1 },
) => ({
  placements: places(area, replicas),
  balancer: balancer(scope),
});

/** Ids of the machines in the pools of each balancer that stands. */
function members(area: Area): readonly (readonly string[])[] {
  const { loadBalancers, targetGroups } = area.cloud();
  return loadBalancers.map(({ id }) =>
    targetGroups
      .filter(({ loadBalancerArns }) => loadBalancerArns.includes(id))
      .flatMap(({ targets }) => targets.filter(({ state }) => state === 'healthy'))
      .map(({ instanceId }) => instanceId)
      .toSorted(),
  );
}
const machinesOf = (area: Area) =>
  area
    .machines()
    .map(({ id }) => id)
    .toSorted();
const groups = (area: Area) => area.cloud().securityGroups.filter(({ tags }) => TAGS.cluster in tags);

async function isGone(area: Area): Promise<void> {
  await deleteObject(area.pathOf('networks', 'dev'));
  await area.untilGone();
  expect(area.machines()).toEqual([]);
  expect(area.owned().filter(({ type }) => type !== 'instance')).toEqual([]);
}

describe.concurrent('placements of a region', () => {
  test('are behind one balancer, which stays as long as one of them does', async () => {
    const area = stage.area('shared');
    await area.make(two(area, 'Region'));
    const { status } = await area.untilReady(3);

    const [shared] = area.cloud().loadBalancers;
    expect(members(area)).toEqual([machinesOf(area)]);
    expect(shared?.tags).toMatchObject({
      [TAGS.network]: `${area.namespace}/dev`,
      [TAGS.region]: `aws/123456789012/${area.region}`,
    });
    expect(shared?.tags).not.toHaveProperty(TAGS.placement);
    expect(groups(area).map(({ tags }) => tags[TAGS.placement] ?? 'shared')).toEqual(
      expect.arrayContaining(['east', 'west', 'shared']),
    );
    expect(groups(area)).toHaveLength(3);
    expect(status.endpoints).toEqual([`${shared?.dnsName}:8545`]);
    expect(status.placements?.map(({ balancer: one }) => [one?.id, one?.sharedWith])).toEqual([
      [shared?.id, ['west']],
      [shared?.id, ['east']],
    ]);
    const listed = (status.resources ?? []).map(({ id }) => id);
    const around = area.owned().filter(({ type }) => /group|balancer|listener/.test(type));
    expect(listed.toSorted()).toEqual(around.map(({ id }) => id).toSorted());

    // One is scaled away, one leaves the spec.
    await area.change({ spec: two(area, 'Region', { east: 0, west: 1 }) });
    await area.untilReady(1);
    expect(area.cloud().loadBalancers.map(({ id }) => id)).toEqual([shared?.id]);
    await area.change({ spec: two(area, 'Region', { west: 1 }) });
    await area.until((network) => isReady(network) && network.status.placements?.length === 1);
    expect(area.cloud().loadBalancers.map(({ id }) => id)).toEqual([shared?.id]);
    expect(members(area)).toEqual([machinesOf(area)]);
    expect(groups(area)).toHaveLength(2);

    const made = area.writes().length;
    await area.hurry();
    await stays(
      () => area.writes().length,
      (now) => now === made,
      4_000,
    );
    await isGone(area);
  });

  test('change from a balancer each to one and back, and all are served all the time', async () => {
    const area = stage.area('switched');
    await area.make(two(area, 'Placement'));
    await area.untilReady(3);
    const former = machinesOf(area);
    const before = area.cloud().loadBalancers.map(({ id }) => id);
    expect(before).toHaveLength(2);

    const unserved: string[] = [];
    const unready: string[] = [];
    let watching = true;
    const watch = (async () => {
      while (watching) {
        const inPools = members(area).flat();
        unserved.push(...former.filter((id) => !inPools.includes(id)));
        for (const { metadata, status } of await area.nodes())
          if (status.phase !== 'Ready') unready.push(`${metadata.name} ${status.phase}`);
      }
    })();
    await area.change({ spec: { balancer: balancer('Region') } });
    await area.untilReady(3);
    const [shared] = area.cloud().loadBalancers;
    expect(area.cloud().loadBalancers).toHaveLength(1);
    expect(before).not.toContain(shared?.id);
    expect(members(area)).toEqual([former]);
    expect(groups(area)).toHaveLength(3);
    expect((await area.network())?.status.endpoints).toEqual([`${shared?.dnsName}:8545`]);

    await area.change({ spec: { balancer: balancer('Placement') } });
    await area.untilReady(3);
    watching = false;
    await watch;
    expect(area.cloud().loadBalancers).toHaveLength(2);
    expect(members(area).flat().toSorted()).toEqual(former);
    expect(groups(area)).toHaveLength(4);
    expect(area.cloud().targetGroups).toHaveLength(2);
    expect((await area.network())?.status.endpoints).toHaveLength(2);
    expect(unserved).toEqual([]);
    expect(unready).toEqual([]);
    expect(machinesOf(area)).toEqual(former);
    await isGone(area);
  });

  test('leave nothing when the Network is deleted just after the scope was changed', async () => {
    const area = stage.area('sudden');
    await area.make(two(area, 'Region'));
    await area.untilReady(3);
    await area.change({ spec: { balancer: balancer('Placement') } });
    await eventually(
      async () => area.cloud().loadBalancers.length,
      (count) => count > 1,
      { what: 'a second balancer' },
    );
    await isGone(area);

    await area.make(two(area, 'Placement'));
    await area.untilReady(3);
    await area.change({ spec: { balancer: balancer('Region') } });
    await isGone(area);
  });

  test('that cannot be joined say so, and the others lose nothing', async () => {
    const area = stage.area('apart');
    await area.make(two(area, 'Region', { east: 2 }));
    await area.untilReady(2);
    const [shared] = area.cloud().loadBalancers;
    const machines = machinesOf(area);
    const subnetIds = [await subnetOfAnotherVpc(area)];
    const aws = { region: area.region, instanceType: 't3.small', network: { subnetIds } };
    const away = placementIn(area.region, { name: 'away', replicas: 1, aws });
    await area.change({ spec: { placements: [...places(area, { east: 2 }), away] } });

    const { status } = await area.until((network) => conditionOf(network, 'Stalled')?.status === 'True');
    const stalled = conditionOf({ status }, 'Stalled');
    expect(stalled?.reason).toBe('CannotShareBalancer');
    expect(stalled?.message).toMatch(
      /^placement away cannot share a balancer with east: its network is vpc-/,
    );
    const made = area.writes().length;
    await area.hurry();
    await stays(
      () => area.writes().length,
      (now) => now === made,
      4_000,
    );
    expect(area.cloud().loadBalancers.map(({ id }) => id)).toEqual([shared?.id]);
    expect(members(area)).toEqual([machines]);
    expect(machinesOf(area)).toEqual(machines);

    await area.change({ spec: { balancer: balancer('Placement') } });
    await area.untilReady(3);
    expect(area.cloud().loadBalancers).toHaveLength(2);
    await isGone(area);
  });

  test('are planned first, what they share once', async () => {
    const area = stage.area('planned');
    await area.make({ ...two(area, 'Region'), mode: 'Plan' });
    const { status } = await area.until((network) => network.status.plan !== undefined);
    const made = (status.plan?.steps ?? []).map(({ verb, kind }) => `${verb} ${kind}`);
    expect(made.filter((step) => step === 'create load balancer')).toHaveLength(1);
    expect(made.filter((step) => step === 'create security group')).toHaveLength(3);
    expect(area.writes()).toEqual([]);

    await area.change({ spec: { mode: 'Apply' } });
    await area.untilReady(3);
    await area.change({ spec: { mode: 'Plan', balancer: balancer('Placement') } });
    const { status: next } = await area.until(
      ({ metadata, status: seen }) =>
        seen.observedGeneration === metadata.generation && seen.plan !== undefined,
    );
    const balancers = (next.plan?.steps ?? []).filter(({ kind }) => kind === 'load balancer');
    expect(balancers.map(({ verb, waits }) => `${verb} ${waits ?? 'now'}`).toSorted()).toEqual([
      expect.stringMatching(/^create security group p-\w+ is not there yet$/),
      expect.stringMatching(/^create security group p-\w+ is not there yet$/),
      'delete the balancer that takes its place does not serve all yet',
    ]);
    await area.change({ spec: { mode: 'Apply' } });
    await isGone(area);
  });

  test('have a balancer with the first node', async () => {
    const area = stage.area('empty');
    await area.make(two(area, 'Region', { east: 0, west: 0 }));
    await area.untilReady(0);
    expect(area.cloud().loadBalancers).toEqual([]);
    await area.change({ spec: two(area, 'Region', { east: 0, west: 1 }) });
    await area.untilReady(1);
    expect(members(area)).toEqual([machinesOf(area)]);
    await isGone(area);
  });

  test('let go of what they share when the Network is deleted with deletionPolicy Orphan', async () => {
    const area = stage.area('orphaned');
    await area.make({ ...two(area, 'Region'), deletionPolicy: 'Orphan' });
    await area.untilReady(3);
    await deleteObject(area.pathOf('networks', 'dev'));
    await area.untilGone();
    expect(area.owned()).toEqual([]);
    expect(area.cloud().loadBalancers).toHaveLength(1);
    expect(members(area)).toEqual([machinesOf(area)]);
  });
});

async function subnetOfAnotherVpc(area: Area): Promise<string> {
  const client = new EC2Client({
    region: area.region,
    endpoint: stage.sandbox.url,
    credentials: { accessKeyId: area.accessKeyId, secretAccessKey: 'any' },
  });
  const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: '10.9.0.0/16' }));
  const { Subnet } = await client.send(
    new CreateSubnetCommand({
      VpcId: Vpc?.VpcId ?? '',
      CidrBlock: '10.9.0.0/20',
      AvailabilityZone: `${area.region}a`,
    }),
  );
  return Subnet?.SubnetId ?? '';
}
