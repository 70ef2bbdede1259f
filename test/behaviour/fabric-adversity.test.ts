/** What only the sandbox can do to the fabric: lost replies, lag, quotas, a thousand machines. */

import { CreateSecurityGroupCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DescribeListenersCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { namesOf } from '../../src/clouds/aws/fabric/names.ts';
import { type FabricGoal, type FabricWish, TAGS } from '../../src/clouds/cloud.ts';
import { createFakeClock } from '../../src/runtime/fake-clock.ts';
import { type AwsSandbox, type AwsSandboxOptions, startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { balancerWish, createStage, OWNER, REGION, type Stage, titleOf, wishFor } from './fabric-stage.ts';

const names = namesOf(OWNER);
const nothing: FabricGoal = { scope: wishFor().scope, goal: 'nothing' };

let sandbox: AwsSandbox;
let stage: Stage;

const begin = async (options: AwsSandboxOptions = {}): Promise<void> => {
  const clock = createFakeClock();
  sandbox = await startAwsSandbox({ clock, throttle: 'off', ...options });
  vi.stubEnv('AWS_ENDPOINT_URL', sandbox.url);
  stage = await createStage(sandbox.url, clock);
};
beforeEach(() => begin());
afterEach(async () => {
  stage.close();
  await sandbox.stop();
  vi.unstubAllEnvs();
});

/** Again after each failure, as the queue does it. */
const insist = async (goal: FabricGoal, waitMs = 1000): Promise<string[]> => {
  const failures: string[] = [];
  while (failures.length < 50) {
    try {
      await stage.carryOut(goal);
      return failures;
    } catch (thrown) {
      failures.push(String(thrown));
      await stage.clock.advance(waitMs);
    }
  }
  throw new Error(`it never ends:\n${failures.join('\n')}`);
};

const spread = async (perZone: number, zones: number): Promise<string[]> => {
  const { attachment } = await stage.observe(wishFor());
  const ids: string[] = [];
  for (const { at } of (attachment?.zones ?? []).slice(0, zones)) {
    ids.push(...(await stage.launch(perZone, attachment?.firewalls ?? [], at)));
  }
  await stage.clock.advance(10_000);
  return ids;
};

const withMembers = (members: readonly string[], change: Partial<typeof balancerWish> = {}): FabricWish =>
  wishFor({ balancer: { ...balancerWish, ...change, members } });

test('a thousand machines cost at most 50 calls to join and 8 to look at', async () => {
  await stage.carryOut(wishFor());
  const setUp = stage.takeCalls().length;
  const members = await spread(200, 5);
  await stage.carryOut(withMembers(members));
  await stage.clock.advance(10_000);
  const view = await stage.observe(withMembers(members), 5_000);

  expect(Array.from(view.members.values()).filter(({ health }) => health === 'healthy')).toHaveLength(1000);
  expect(setUp + stage.takeCalls().length).toBeLessThanOrEqual(50);

  await stage.clock.advance(60_000);
  expect(stage.fabric.plan(withMembers(members), await stage.observe(withMembers(members), 60_000))).toEqual(
    [],
  );
  expect(stage.takeCalls().length).toBeLessThanOrEqual(8);

  await stage.observe(withMembers(members), 60_000);
  expect(stage.takeCalls()).toEqual([]);
});

test('many scopes that look at once share one read of the region', async () => {
  const placements = ['a', 'b', 'c', 'd'].map((placement) => ({
    scope: { owner: { ...OWNER, placement }, spec: {} },
    ingress: [],
  }));

  await Promise.all(placements.map((wish) => stage.observe(wish, 1000)));

  expect(stage.takeCalls().toSorted()).toEqual([
    'DescribeLoadBalancers',
    'DescribeSecurityGroups',
    'DescribeSubnets',
    'DescribeTargetGroups',
    'DescribeVpcs',
  ]);
});

test('between a step and the next plan nothing is read', async () => {
  const wish = wishFor();
  await stage.observe(wish);
  stage.takeCalls();

  await stage.carryOut(wish);

  expect(stage.takeCalls().filter((api) => api.startsWith('Describe'))).toEqual([]);
});

test('looks again soon at what is changing, and ever more rarely when nothing comes of it', async () => {
  await stage.carryOut(wishFor());
  const members = await spread(1, 1);
  await stage.carryOut(withMembers(members));
  sandbox.behindTheBack.setHealth((await poolArn()) ?? '', members[0] ?? '', 'unhealthy');
  stage.takeCalls();

  const looks: number[] = [];
  for (let second = 1; second <= 120; second += 1) {
    await stage.clock.advance(1000);
    await stage.observe(withMembers(members), 600_000);
    if (stage.takeCalls().includes('DescribeTargetHealth')) looks.push(second);
  }

  expect(looks[0]).toBe(5);
  expect(looks.length).toBeLessThanOrEqual(16);
});

test.each([
  'CreateSecurityGroup',
  'AuthorizeSecurityGroupIngress',
  'AuthorizeSecurityGroupEgress',
  'RevokeSecurityGroupEgress',
  'CreateLoadBalancer',
  'CreateTargetGroup',
  'ModifyTargetGroupAttributes',
  'ModifyLoadBalancerAttributes',
  'CreateListener',
  'RegisterTargets',
])('makes nothing twice when the reply to %s is lost', async (action) => {
  const wish = {
    ...withMembers([], { crossZone: true }),
    egress: [{ protocol: 'TCP', ports: { from: 443, to: 443 }, cidrs: ['0.0.0.0/0'] }],
  } as const;
  const fault = sandbox.faults.add({ action, lostReply: true, times: 1 });

  const failures = await insist(wish);
  const members = await spread(2, 1);
  failures.push(...(await insist(withMembers(members, { crossZone: true }))));

  expect([fault.hits, failures.length]).toEqual([1, 1]);
  const { securityGroups, loadBalancers, targetGroups, listeners } = sandbox.state(REGION);
  expect(securityGroups.filter(({ tags }) => TAGS.cluster in tags)).toHaveLength(2);
  expect([loadBalancers.length, targetGroups.length, listeners.length]).toEqual([1, 1, 1]);
  expect(await stage.left(withMembers(members, { crossZone: true }))).toEqual([]);
});

test.each(['DeleteLoadBalancer', 'DeleteTargetGroup', 'DeleteSecurityGroup'])(
  'leaves nothing when the reply to %s is lost',
  async (action) => {
    await stage.carryOut(wishFor());
    const fault = sandbox.faults.add({ action, lostReply: true, times: 1 });

    expect(await insist(nothing)).toHaveLength(1);

    expect(fault.hits).toBe(1);
    expect(sandbox.ownedResources(TAGS.cluster)).toEqual([]);
  },
);

test('makes nothing twice and removes everything while reads lag by minutes', async () => {
  await stage.observe(wishFor());
  sandbox.set({ readLagMs: 4 * 60_000 });
  const wish = wishFor();

  for (let minute = 0; minute < 6; minute += 1) {
    await insist(wish);
    await stage.clock.advance(60_000);
    await stage.observe(wish, 30_000);
  }
  expect(await stage.left(wish)).toEqual([]);
  expect(sandbox.ownedResources(TAGS.cluster)).toHaveLength(5);

  await insist(nothing, 30_000);
  expect(sandbox.ownedResources(TAGS.cluster)).toEqual([]);
  for (let minute = 0; minute < 6; minute += 1) {
    expect(stage.fabric.plan(nothing, await stage.observe(nothing, 0))).toEqual([]);
    await stage.clock.advance(60_000);
  }
});

test('makes nothing twice when two operators work on the same scope', async () => {
  const other = stage.open();
  const wish = wishFor();
  await stage.observe(wish, 0, other);
  await stage.carryOut(wish);

  await stage.carryOut(wish, other);

  expect(sandbox.ownedResources(TAGS.cluster)).toHaveLength(5);
  expect(await stage.left(wish)).toEqual([]);
});

test('waits for the network interfaces that a balancer leaves behind', async () => {
  sandbox.set({ interfaceLingerMs: 20_000 });
  await stage.carryOut(wishFor());

  const failures = await insist(nothing, 5000);

  expect(failures.length).toBeGreaterThan(0);
  expect(failures.length).toBeLessThan(6);
  expect(failures.every((failure) => failure.includes('DependencyViolation'))).toBe(true);
  expect(sandbox.ownedResources(TAGS.cluster)).toEqual([]);
});

test('one machine that has ended does not keep the others out', async () => {
  await stage.carryOut(wishFor());
  const members = await spread(20, 2);
  const ended = members[7] ?? '';
  await stage.ec2.send(new TerminateInstancesCommand({ InstanceIds: [ended] }));
  await stage.clock.advance(10_000);

  await expect(stage.carryOut(withMembers(members))).rejects.toMatchObject({
    code: 'invalid',
    reason: 'InvalidTarget',
  });

  const { members: listed } = await stage.observe(withMembers(members), 0);
  expect(Array.from(listed.keys()).sort()).toEqual(members.filter((id) => id !== ended).sort());
});

test('a zone that is full does not keep machines of another zone out', async () => {
  await stage.carryOut(wishFor());
  const members = [...(await spread(260, 1)), ...(await spread(260, 2))];

  const joined = async () => (await stage.observe(withMembers(members), 0)).members.size;
  for (let pass = 0; pass < 10 && (await joined()) < 500 + 260; pass += 1) {
    stage.takeCalls();
    await expect(stage.carryOut(withMembers(members))).rejects.toMatchObject({
      code: 'quota',
      reason: 'TooManyTargets',
    });
    expect(stage.takeCalls().length).toBeLessThan(60);
  }

  expect(await joined()).toBe(500 + 260);
});

test('touches nothing that is not ours', async () => {
  await stage.carryOut(wishFor());
  const { network, balancer, attachment } = await stage.observe(wishFor());
  const foreign = namesOf({ ...OWNER, cluster: 'another' });
  const Tags = [
    { Key: TAGS.cluster, Value: 'another' },
    { Key: TAGS.network, Value: 'chains/dev' },
    { Key: TAGS.placement, Value: 'virginia' },
  ];
  await stage.ec2.send(
    new CreateSecurityGroupCommand({
      GroupName: foreign.nodesGroup,
      Description: 'of another cluster',
      VpcId: network?.id,
      TagSpecifications: [{ ResourceType: 'security-group', Tags }],
    }),
  );
  await stage.elb.send(
    new CreateLoadBalancerCommand({
      Name: foreign.balancer,
      Type: 'network',
      Subnets: attachment?.zones.map(({ at }) => at),
      Tags,
    }),
  );
  const { TargetGroups } = await stage.elb.send(
    new CreateTargetGroupCommand({ Name: 'plain', Protocol: 'TCP', Port: 1, VpcId: network?.id }),
  );
  // Somebody's own listener on our balancer.
  await stage.elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: balancer?.id,
      Port: 9999,
      Protocol: 'TCP',
      DefaultActions: [{ Type: 'forward', TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn }],
    }),
  );
  const theirs = () => {
    const state = sandbox.state(REGION);
    return JSON.stringify([
      state.securityGroups.filter((group) => group.name === foreign.nodesGroup),
      state.loadBalancers.filter((one) => one.name === foreign.balancer),
      state.targetGroups
        .filter((group) => group.name === 'plain')
        .map(({ loadBalancerArns: _, ...rest }) => rest),
    ]);
  };
  const before = theirs();

  expect(await stage.left(wishFor())).toEqual([]);
  await stage.carryOut(withMembers([], { ports: [{ port: 80, targetPort: 8545, protocol: 'TCP' }] }));
  const { Listeners } = await stage.elb.send(new DescribeListenersCommand({ LoadBalancerArn: balancer?.id }));
  expect(Listeners?.map((listener) => listener.Port).sort()).toEqual([80, 9999]);
  expect(await stage.owners()).toEqual([OWNER]);
  await stage.carryOut(nothing);

  expect(theirs()).toBe(before);
  expect(sandbox.ownedResources(TAGS.cluster).every(({ tags }) => tags[TAGS.cluster] === 'another')).toBe(
    true,
  );
});

test('leaves a balancer and a target group alone that have our name and not our tag', async () => {
  const { network } = await stage.observe(wishFor());
  await stage.elb.send(
    new CreateTargetGroupCommand({
      Name: names.pool([8545, 'TCP', 8545, network?.id ?? '']),
      Protocol: 'TCP',
      Port: 8545,
      VpcId: network?.id,
    }),
  );
  const refused = { code: 'invalid', reason: 'NameTaken' };

  await stage.clock.advance(600_000);
  await expect(stage.carryOut(wishFor())).rejects.toMatchObject(refused);
  // Made after the last look: what AWS says to the name is what counts.
  await expect(stage.carryOut(wishFor(), stage.open())).rejects.toMatchObject(refused);
  expect(await insist(nothing)).toEqual([]);
  expect(sandbox.state(REGION).targetGroups).toHaveLength(1);
});

test('says that there is no default VPC, and goes on when there is another network', async () => {
  stage.close();
  await sandbox.stop();
  await begin({ defaultVpc: false });

  const view = await stage.observe(wishFor());
  expect(view.trouble).toMatchObject({ code: 'invalid', reason: 'NoDefaultVpc' });
  expect(view.attachment).toBeUndefined();
  expect(stage.fabric.plan(nothing, view)).toEqual([]);

  const { subnetId } = await stage.secondVpc();
  const wish = wishFor({ scope: { owner: OWNER, spec: { network: { subnetIds: [subnetId] } } } });
  await stage.carryOut(wish);
  expect((await stage.observe(wish)).attachment?.zones).toEqual([{ zone: 'us-east-1a', at: subnetId }]);
});

test('says which certificate is missing, and lets the rest of the plan be seen', async () => {
  const certificate = 'arn:aws:acm:us-east-1:123456789012:certificate/0c4d9d6c-7c8e-4b7c-9d28-5a8b6b7c6d11';
  const wish = withMembers([], { ports: [{ port: 443, targetPort: 8545, protocol: 'TLS', certificate }] });

  await expect(stage.carryOut(wish)).rejects.toMatchObject({ reason: 'CertificateNotFound' });
  expect((await stage.left(wish)).map((step) => step.split(':')[0])).toEqual(['create listener TLS 443']);
});

test('what somebody removes between two reads is no error', async () => {
  await stage.carryOut(wishFor());
  const { balancer } = await stage.observe(wishFor(), 0);
  const once = sandbox.faults.beforeCall(({ action }) => {
    if (action !== 'DescribeListeners') return;
    once();
    sandbox.behindTheBack.deleteLoadBalancer(REGION, balancer?.id ?? '');
  });

  const view = await stage.observe(wishFor(), 0);

  expect(view.balancer).toBeUndefined();
  expect(stage.fabric.plan(wishFor(), view).map(titleOf)[0]).toBe(
    `create load balancer ${names.balancer}: there is none`,
  );
});

test('owners are told whole or not at all', async () => {
  await stage.carryOut(wishFor());
  sandbox.faults.add({ action: 'DescribeTags', error: { code: 'Throttling', status: 400 }, times: 1 });

  await expect(stage.owners()).rejects.toMatchObject({ code: 'throttled' });
  expect(await stage.owners()).toEqual([OWNER]);
});

async function poolArn(): Promise<string | undefined> {
  const { resources } = await stage.observe(wishFor());
  return resources.find(({ kind }) => kind === 'target group')?.id;
}
