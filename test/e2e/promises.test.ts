/** What holds whatever happens: nothing foreign is touched, no secret gets out and kstatus reads us right. */
import { CreateSecurityGroupCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API_VERSION } from '../../src/api/common.ts';
import { TAGS } from '../../src/clouds/cloud.ts';
import { api, createObject, deleteObject, getObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { kstatus } from '../support/kstatus.ts';
import { freshNamespace } from '../support/namespace.ts';
import { refereePath } from '../support/referees.ts';
import { type Area, client, placementIn, type Stage, startStage, usualSpec } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage(['foreign', 'verdict', 'leaky'], {
    env: {
      PEERAGE_LOG_LEVEL: 'trace',
      PEERAGE_SWEEP_INTERVAL_SECONDS: '3',
      PEERAGE_SWEEP_GRACE_SECONDS: '3',
    },
  });
});
afterAll(() => stage?.close());

describe.concurrent('nothing foreign', () => {
  test('is touched, however much it looks like ours', async () => {
    const area = stage.area('foreign');
    await plantLookAlikes(area);
    const foreign = await eventually(
      async () => everything(area),
      (found) => expect([...found.values()].join()).not.toMatch(/"state":"(pending|provisioning)"/),
    );
    const planted = [...foreign.values()].filter((text) => text.includes(TAGS.placement));
    expect(planted.length).toBe(2 * 6);

    await area.make();
    await area.untilReady(2);
    await area.change({ spec: { replicas: 1, client: { ...client, image: 'example.org/chain:2' } } });
    const { metadata } = await area.until(
      ({ status, metadata: { generation } }) => status.observedGeneration === generation,
    );
    expect(metadata.generation).toBeGreaterThan(1);
    await area.untilReady(1);
    await deleteObject(area.pathOf('networks', 'dev'));
    await area.untilGone();
    const left = everything(area);
    for (const [id, text] of foreign) expect(left.get(id)).toBe(text);
    const isOver = (text: string) => /"state":"(terminated|shutting-down)"/.test(text);
    expect([...left].filter(([id, text]) => !foreign.has(id) && !isOver(text))).toEqual([]);
  });
});

describe.concurrent('no secret', () => {
  test('gets into a log, an event, a status or a tag, whatever goes wrong', async () => {
    const area = stage.area('leaky');
    const planted = `planted-secret-of-${area.name}`;
    const { aws_secret_access_key: key } = { aws_secret_access_key: planted };
    stage.sandbox.identities.forbidKey(area.accessKeyId);
    await area.make({ placements: [placementIn(area.region, { replicas: 1 })] });
    await area.until(({ status }) => status.conditions?.some(({ reason }) => reason === 'Unauthorized'));
    stage.sandbox.identities.allowKey(area.accessKeyId, '123456789012');
    const faults = ['RunInstances', 'CreateLoadBalancer'].flatMap((action) => [
      stage.sandbox.faults.add({ action, region: area.region, times: 1, lostReply: true }),
      stage.sandbox.faults.add({ action, region: area.region, times: 1, skip: 1, dropRequest: true }),
      stage.sandbox.faults.add({
        action,
        region: area.region,
        times: 1,
        skip: 2,
        error: { code: 'InternalError', status: 500 },
      }),
    ]);
    await area.untilReady(1);
    expect(faults.map(({ hits }) => hits)).toContain(1);
    expect(area.machines()).toHaveLength(1);
    const kinds = ['nodes', 'networks', 'cloudcredentials'];
    const seen = JSON.stringify([
      await Promise.all(kinds.map((kind) => api('GET', area.pathOf(kind)))),
      await api('GET', `/apis/events.k8s.io/v1/namespaces/${area.namespace}/events`),
      stage.operator.logs(),
      await stage.operator.metrics(),
      area.cloud(),
      area.cloud().instances.map(({ userData }) => Buffer.from(userData ?? '', 'base64').toString()),
    ]);
    expect(seen).toContain(area.namespace);
    expect(seen).not.toContain(key);
    expect(seen).not.toContain(Buffer.from(key).toString('base64'));
  });
});

describe.skipIf(!refereePath('kstatus'))('Flux and Helm', { concurrent: true }, () => {
  const judged = async (path: string) => (await kstatus(await getObject(path))).status;

  test.sequential('take an object that nobody has looked at for one under way', async () => {
    const namespace = await freshNamespace();
    const at = `/apis/${API_VERSION}/namespaces/${namespace}`;
    const credentialRef = { name: 'aws' };
    const aws = { region: 'us-east-1', instanceType: 't3.small' };
    const objects = [
      { plural: 'networks', kind: 'Network', spec: usualSpec('us-east-1') },
      { plural: 'nodes', kind: 'Node', spec: { credentialRef, client, aws } },
      { plural: 'cloudcredentials', kind: 'CloudCredential', spec: { aws: { source: 'Ambient' } } },
    ];
    for (const { plural, kind, spec } of objects) {
      await createObject(`${at}/${plural}`, {
        apiVersion: API_VERSION,
        kind,
        metadata: { name: 'fresh' },
        spec,
      });
      await expect(judged(`${at}/${plural}/fresh`)).resolves.toBe('InProgress');
    }
  });

  test('see it under way until it is Ready, failed when a person is needed, and going when it goes', async () => {
    const area = stage.area('verdict');
    const path = area.pathOf('networks', 'dev');
    const seen: string[] = [];
    const until = (verdict: string) =>
      eventually(
        async () => {
          const now = await judged(path);
          if (now !== seen.at(-1)) seen.push(now);
          return now;
        },
        (now) => now === verdict,
        { what: verdict },
      );
    await area.make();
    await until('Current');
    expect((await area.network())?.status.readyReplicas).toBe(2);
    const [node] = await area.nodes();
    await expect(judged(area.pathOf('nodes', node?.metadata.name))).resolves.toBe('Current');
    await expect(judged(area.pathOf('cloudcredentials', 'aws'))).resolves.toBe('Current');

    await area.change({ spec: { replicas: 3 } });
    await until('InProgress');
    await until('Current');
    const nowhere = { name: 'second', replicas: 1, credentialRef: { name: 'nobody' } };
    await area.change({
      spec: { placements: [placementIn(area.region), placementIn(area.region, nowhere)] },
    });
    await until('Failed');
    const { message } = await kstatus(await getObject(path));
    expect(message).toMatch(/there is no CloudCredential \S+\/nobody; next try in/);
    await area.change({ spec: { placements: [placementIn(area.region)] } });
    await until('Current');
    await deleteObject(path);
    await until('Terminating');
    await area.untilGone();
    expect(seen).toEqual([
      'InProgress',
      'Current',
      'InProgress',
      'Current',
      expect.stringMatching(/InProgress|Failed/),
      ...seen.slice(5, -2),
      'Current',
      'Terminating',
    ]);
  });
});

/** Everything there is, by id, as text. */
function everything(area: Area): Map<string, string> {
  const found = new Map<string, string>();
  for (const list of Object.values(area.cloud()))
    for (const item of list) found.set(item.id, JSON.stringify(item));
  return found;
}

/** All that a Network has, once without our cluster tag and once with another cluster's. */
async function plantLookAlikes(area: Area): Promise<void> {
  const options = {
    region: area.region,
    endpoint: stage.sandbox.url,
    credentials: { accessKeyId: area.accessKeyId, secretAccessKey: 'any' },
  };
  const ec2 = new EC2Client(options);
  const elb = new ElasticLoadBalancingV2Client(options);
  const { vpcs, subnets } = area.cloud();
  const VpcId = vpcs[0]?.id;
  const Subnets = subnets.map(({ id }) => id);
  const alike = [
    { Key: TAGS.network, Value: `${area.namespace}/dev` },
    { Key: TAGS.placement, Value: 'first' },
    { Key: TAGS.launch, Value: 'peerage-0/0' },
    { Key: 'Name', Value: 'dev-first' },
  ];
  for (const [index, Tags] of [
    alike,
    [...alike, { Key: TAGS.cluster, Value: 'another-cluster' }],
  ].entries()) {
    const { GroupId = '' } = await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: `peerage-${index}`,
        Description: 'like ours',
        ...(VpcId && { VpcId }),
        TagSpecifications: [{ ResourceType: 'security-group', Tags }],
      }),
    );
    await ec2.send(
      new RunInstancesCommand({
        MinCount: 2,
        MaxCount: 2,
        InstanceType: 't3.small',
        ImageId: await imageIn(area),
        SubnetId: Subnets[0] ?? '',
        SecurityGroupIds: [GroupId],
        TagSpecifications: [{ ResourceType: 'instance', Tags }],
      }),
    );
    const Name = `peerage-${index}`;
    const { LoadBalancers } = await elb.send(
      new CreateLoadBalancerCommand({ Name, Type: 'network', Subnets, SecurityGroups: [GroupId], Tags }),
    );
    const { TargetGroups } = await elb.send(
      new CreateTargetGroupCommand({ Name, Protocol: 'TCP', Port: 8545, ...(VpcId && { VpcId }), Tags }),
    );
    await elb.send(
      new CreateListenerCommand({
        LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
        Protocol: 'TCP',
        Port: 8545,
        DefaultActions: [{ Type: 'forward', TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn }],
        Tags,
      }),
    );
  }
}

async function imageIn({ region }: Area): Promise<string> {
  const { imagesOf } = await import('../../src/sandbox/aws/ec2/catalogue.ts');
  const [image] = imagesOf(region);
  return image?.id ?? '';
}
