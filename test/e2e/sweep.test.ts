/** What is left of objects that somebody took away by force goes, and nothing else does. */
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { TAGS } from '../../src/clouds/cloud.ts';
import { imagesOf } from '../../src/sandbox/aws/ec2/catalogue.ts';
import { deleteObject, patchObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import type { Operator } from '../support/operator.ts';
import { type Area, CLUSTER, placementIn, type Stage, startStage, stays } from './stage.ts';

const graceSeconds = 6;
const env = {
  PEERAGE_SWEEP_INTERVAL_SECONDS: '1',
  PEERAGE_SWEEP_GRACE_SECONDS: String(graceSeconds),
};

let stage: Stage;
afterEach(() => stage?.close());

describe('a machine without an object', () => {
  test('goes after the grace time, unless the operator is paused; what only looks like ours stays', async () => {
    stage = await startStage(['swept'], { env });
    const area = stage.area('swept');
    await area.make();
    await area.untilReady(2);
    const foreign = [
      ...(await launch(area, 1, ownTags(area))),
      ...(await launch(area, 1, { ...ownTags(area), [TAGS.cluster]: 'another-cluster' })),
    ];
    await stage.operator.stop();
    const [lost, kept] = await area.nodes();
    await forceAway(area.pathOf('nodes', lost?.metadata.name));
    const orphan = lost?.status.machine?.id ?? '';
    const isAlive = (id: string) => area.machines().some((machine) => machine.id === id);
    const writes = area.writes().length;

    const paused = await started({ PEERAGE_PAUSED: 'true' });
    await stays(
      () => area.writes().length,
      (now) => now === writes,
      (graceSeconds + 3) * 1000,
    );
    await paused.stop();

    const graceEnds = Date.now() + graceSeconds * 1000;
    const operator = await started();
    await stays(
      () => isAlive(orphan) || Date.now() > graceEnds,
      (alive) => alive,
      (graceSeconds - 2) * 1000,
    );
    await eventually(
      async () => isAlive(orphan),
      (alive) => !alive,
      { what: 'the end of the orphan' },
    );
    await area.untilReady(2);
    expect(await metric(operator, 'peerage_sweep_removed_total')).toBe(1);
    expect([...foreign, kept?.status.machine?.id ?? ''].filter((id) => !isAlive(id))).toEqual([]);
    const ended = area.writes().filter(({ action }) => action === 'TerminateInstances');
    expect(ended.map(({ params }) => params)).toEqual([expect.stringContaining(orphan)]);
  });

  test('takes with it what stood around it when its Network is gone, too', async () => {
    stage = await startStage(['gone'], { env });
    const area = stage.area('gone');
    await area.make({ placements: [placementIn(area.region, { replicas: 1 })] });
    await area.untilReady(1);
    expect(new Set(area.owned().map(({ type }) => type))).toContain('load-balancer');
    await stage.operator.stop();
    for (const { metadata } of await area.nodes()) await forceAway(area.pathOf('nodes', metadata.name));
    await forceAway(area.pathOf('networks', 'dev'));

    const operator = await started();
    await eventually(
      async () => area.owned(),
      (left) => left.length === 0,
      { what: 'a cloud without anything of ours' },
    );
    expect(await metric(operator, 'peerage_sweep_removed_total')).toBe(1);
  });

  test('stays, and is told of, where there are more of them than an hour may remove', async () => {
    stage = await startStage(['many'], { env });
    const area = stage.area('many');
    await area.make({ placements: [placementIn(area.region, { replicas: 1 })] });
    await area.untilReady(1);
    const tags = { ...ownTags(area), [TAGS.cluster]: CLUSTER };
    const orphans = await launch(area, 6, tags);
    const left = () => area.machines().filter(({ id }) => orphans.includes(id)).length;
    const held = () => metric(stage.operator, 'peerage_sweep_held');

    await eventually(held, (count) => count === 6, { what: 'six machines held' });
    await stays(left, (count) => count === 6, 3_000);
    expect(await metric(stage.operator, 'peerage_sweep_removed_total')).toBe(0);
    expect(stage.operator.logs()).toContainEqual(
      expect.objectContaining({ held: 6, msg: 'more machines without an object than one hour may remove' }),
    );

    // Five are within the limit.
    stage.sandbox.behindTheBack.terminateInstance(area.region, orphans[0] ?? '');
    await eventually(
      async () => left(),
      (count) => count === 0,
      { what: 'the end of the other five' },
    );
    expect(await metric(stage.operator, 'peerage_sweep_removed_total')).toBe(5);
    expect(await held()).toBe(0);

    // And no more within the hour.
    const [late = ''] = await launch(area, 1, tags);
    await eventually(held, (count) => count === 1, { what: 'one machine held' });
    expect(area.machines().map(({ id }) => id)).toContain(late);
    await area.untilReady(1);
    stage.sandbox.behindTheBack.terminateInstance(area.region, late);
  });
});

/** Another operator, until the test is over. */
async function started(more: Readonly<Record<string, string>> = {}): Promise<Operator> {
  const operator = await stage.start(more);
  onTestFinished(() => operator.stop());
  return operator;
}

/** As people do it who do not want to wait: the finalizer is taken off by hand. */
async function forceAway(path: string): Promise<void> {
  await patchObject(path, { metadata: { finalizers: null } });
  await deleteObject(path);
}

/** All that the operator puts on a machine of the area's Network, but for the cluster. */
function ownTags(area: Area): Readonly<Record<string, string>> {
  return {
    [TAGS.network]: `${area.namespace}/dev`,
    [TAGS.placement]: 'first',
    [TAGS.launch]: 'peerage-of-nobody',
    Name: 'dev-first',
  };
}

async function launch(
  { region, accessKeyId, cloud }: Area,
  count: number,
  tags: Readonly<Record<string, string>>,
): Promise<string[]> {
  const credentials = { accessKeyId, secretAccessKey: 'any' };
  const ec2 = new EC2Client({ region, endpoint: stage.sandbox.url, credentials });
  const { Instances = [] } = await ec2.send(
    new RunInstancesCommand({
      ImageId: imagesOf(region)[0]?.id,
      InstanceType: 't3.small',
      MinCount: count,
      MaxCount: count,
      SubnetId: cloud().subnets[0]?.id,
      TagSpecifications: [
        { ResourceType: 'instance', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
      ],
    }),
  );
  return Instances.map(({ InstanceId = '' }) => InstanceId);
}

/** The value for AWS; zero as long as nothing was counted. */
async function metric(operator: Operator, name: string): Promise<number> {
  const line = (await operator.metrics()).split('\n').find((text) => text.startsWith(`${name}{cloud="aws"}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}
