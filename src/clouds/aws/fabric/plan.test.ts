import { describe, expect, test } from 'vitest';
import { CloudError, type FabricGoal, type FabricWish } from '../../cloud.ts';
import { standingTags, tagMap } from '../tags.ts';
import type { AwsFabricView, FoundBalancer, FoundPool, Group, Network } from './found.ts';
import { namesOf } from './names.ts';
import { planFabric } from './plan.ts';
import { subnetCalls } from './plan-balancer.ts';
import { EVERYTHING_IPV4, EVERYTHING_IPV6 } from './rules.ts';
import { settingsOf } from './settings.ts';
import { type DesiredGroup, defaultEgress, desiredOf } from './wish.ts';

const owner = { cluster: 'c', network: 'chains/dev', placement: 'virginia' };
const names = namesOf(owner);
const scope = { owner, spec: {} };
const network: Network = {
  vpcId: 'vpc-1',
  ipv6: false,
  subnets: [
    { id: 'subnet-a', zone: 'us-east-1a' },
    { id: 'subnet-b', zone: 'us-east-1b' },
  ],
};

const balanced: NonNullable<FabricWish['balancer']> = {
  type: 'Network',
  ports: [
    { port: 8545, targetPort: 8545, protocol: 'TCP' },
    { port: 443, targetPort: 8546, protocol: 'TLS', certificate: 'arn:cert' },
    { port: 30303, targetPort: 30303, protocol: 'UDP' },
  ],
  internal: true,
  crossZone: true,
  sourceRanges: ['10.0.0.0/8'],
  health: { protocol: 'HTTP', port: 8080, path: '/live', intervalSeconds: 10 },
  drainSeconds: 20,
  members: ['i-1', 'i-2'],
};
const wish: FabricWish = {
  scope,
  balancer: balanced,
  ingress: [{ protocol: 'TCP', ports: { from: 22, to: 22 }, cidrs: ['10.0.0.0/8'] }],
};
const changed = (change: Partial<typeof balanced>): FabricWish => ({
  ...wish,
  balancer: { ...balanced, ...change },
});
const { balancer: _, ...unbalanced } = wish;

/** What stands when a wish has come true. */
function settled(of: FabricWish): AwsFabricView['around'] & { readonly network: Network } {
  const desired = desiredOf(of, network, { own: 'sg-balancer', shared: 'sg-shared' });
  const { owner: whose } = of.scope;
  const tags = tagMap(standingTags({ owner: whose, ...settingsOf(of.scope.spec) }));
  const group = (id: string, wished: DesiredGroup): Group => ({
    id,
    name: wished.name,
    vpcId: network.vpcId,
    owner: whose,
    tags,
    ingress: wished.ingress,
    egress: wished.egress ?? defaultEgress(network),
  });
  const { balancer } = desired;
  const pools = (balancer?.pools ?? []).map(
    (pool): FoundPool => ({
      ...pool,
      arn: `arn:${pool.name}`,
      vpcId: network.vpcId,
      tags,
      targets: (balancer?.members ?? []).map((id) => ({ id, port: pool.port, health: 'healthy' })),
      refused: new Set(),
    }),
  );
  const standing: FoundBalancer[] =
    balancer === undefined
      ? []
      : [
          {
            ...balancer,
            arn: 'arn:balancer',
            dnsName: 'balancer.example',
            vpcId: network.vpcId,
            state: 'active',
            subnets: network.subnets,
            groupIds: ['sg-balancer'],
            tags,
            listeners: balancer.listeners.map(({ port, protocol, certificate, pool }) => ({
              arn: `arn:listener-${port}`,
              port,
              protocol,
              certificates: certificate === undefined ? [] : [certificate],
              poolArns: [`arn:${pool}`],
              tags,
            })),
          },
        ];
  return {
    network,
    groups: [
      ...(desired.nodesGroup === undefined ? [] : [group('sg-nodes', desired.nodesGroup)]),
      ...(desired.balancerGroup === undefined ? [] : [group('sg-balancer', desired.balancerGroup)]),
    ],
    neighbours: [],
    balancers: standing,
    pools,
    taken: { balancers: new Set(), pools: new Set() },
  };
}

const empty: AwsFabricView['around'] = {
  network,
  groups: [],
  neighbours: [],
  balancers: [],
  pools: [],
  taken: { balancers: new Set(), pools: new Set() },
};

function viewOf(around: AwsFabricView['around'], trouble?: CloudError): AwsFabricView {
  return {
    ageMs: 0,
    members: new Map(),
    pools: around.pools.length,
    resources: [],
    around,
    ...(trouble === undefined ? {} : { trouble }),
  };
}

const plan = (goal: FabricGoal, around: AwsFabricView['around']) => planFabric(goal, viewOf(around));
const told = (goal: FabricGoal, around: AwsFabricView['around']): string[] =>
  plan(goal, around).map((step) => `${step.verb} ${step.kind}: ${step.because}`);
const shape = (goal: FabricGoal, around: AwsFabricView['around']): string[] =>
  plan(goal, around).map((step) => `${step.verb} ${step.kind}${step.waits === undefined ? '' : ' (waits)'}`);

const withBalancer = (of: FabricWish, change: Partial<FoundBalancer>): AwsFabricView['around'] => {
  const around = settled(of);
  return { ...around, balancers: around.balancers.map((one) => ({ ...one, ...change })) };
};
const withPools = (
  of: FabricWish,
  change: (pool: FoundPool) => Partial<FoundPool>,
): AwsFabricView['around'] => {
  const around = settled(of);
  return { ...around, pools: around.pools.map((pool) => ({ ...pool, ...change(pool) })) };
};

test.each([
  ['a network balancer', wish],
  ['no balancer', unbalanced],
  ['exact egress', { ...wish, egress: [{ protocol: 'All', cidrs: ['10.0.0.0/8'] }] }],
  ['no egress at all', { ...wish, egress: [] }],
  [
    'an application balancer',
    changed({
      type: 'Application',
      ports: [{ port: 443, targetPort: 8545, protocol: 'HTTPS', certificate: 'arn:cert' }],
    }),
  ],
] satisfies [string, FabricWish][])('plans nothing when all is as wished: %s', (_name, of) => {
  expect(plan(of, settled(of))).toEqual([]);
});

test('plans all of it where nothing is, and what it needs first comes first', () => {
  expect(shape(wish, empty)).toEqual([
    'create security group',
    'create security group',
    'update security group (waits)',
    'update security group (waits)',
    'create load balancer (waits)',
    'update load balancer (waits)',
    ...[1, 2, 3].flatMap(() => ['create target group', 'update target group (waits)']),
    'create listener (waits)',
    'create listener (waits)',
    'create listener (waits)',
    ...[1, 2, 3].map(() => 'register target group (waits)'),
  ]);
});

test('the same goal and view give the same steps', () => {
  expect(plan(wish, empty)).toEqual(plan(wish, empty));
});

test('opens before it closes', () => {
  const around = settled(wish);
  const other: FabricWish = {
    ...wish,
    ingress: [{ protocol: 'TCP', ports: { from: 2222, to: 2222 }, cidrs: ['10.0.0.0/8'] }],
  };

  expect(told(other, around)).toEqual([
    'update security group: ingress tcp 2222 from 10.0.0.0/8 is missing',
    'update security group: ingress tcp 22 from 10.0.0.0/8 is not wished',
  ]);
});

test('absent egress takes out what narrows it and lets IPv6 stand', () => {
  const around = settled(unbalanced);
  const groups = around.groups.map((group) => ({
    ...group,
    egress: [EVERYTHING_IPV6, { protocol: 'tcp', from: 443, to: 443, peer: '0.0.0.0/0' }],
  }));

  expect(told(unbalanced, { ...around, groups })).toEqual([
    'update security group: egress everything to 0.0.0.0/0 is missing',
    'update security group: egress tcp 443 to 0.0.0.0/0 is not wished',
  ]);
});

test('where subnets speak IPv6, everything means IPv6 too', () => {
  const around = settled(unbalanced);
  const groups = around.groups.map((group) => ({ ...group, egress: [EVERYTHING_IPV4] }));

  expect(told(unbalanced, { ...around, network: { ...network, ipv6: true }, groups })).toEqual([
    'update security group: egress everything to ::/0 is missing',
  ]);
});

test('rules from a balancer group that is gone are replaced', () => {
  const around = settled(wish);
  const groups = around.groups.map((group) =>
    group.id === 'sg-balancer' ? { ...group, id: 'sg-new' } : group,
  );
  const balancers = around.balancers.map((one) => ({ ...one, groupIds: ['sg-new'] }));

  expect(told(wish, { ...around, groups, balancers })).toEqual([
    `update security group: ingress tcp 8545 from ${names.balancerGroup} and 3 more is missing`,
    'update security group: ingress tcp 8545 from sg-balancer and 3 more is not wished',
  ]);
});

test.each<[string, Partial<FoundBalancer>]>([
  ['it is of type application, wished is network', { type: 'application' }],
  ['it is internet-facing, wished is internal', { scheme: 'internet-facing' }],
  ['AWS could not set it up: no room', { state: 'failed', stateReason: 'no room' }],
  ['it was made without a security group and can never have one', { groupIds: [] }],
])('replaces a balancer: %s', (why, change) => {
  const around = withBalancer(wish, change);

  expect(told(wish, around).slice(0, 2)).toEqual([
    `delete load balancer: ${why}; its name is free again only when it is gone`,
    'create load balancer: there is none',
  ]);
  expect(shape(wish, around)).toEqual([
    'delete load balancer',
    'create load balancer (waits)',
    'update load balancer (waits)',
    'create listener (waits)',
    'create listener (waits)',
    'create listener (waits)',
  ]);
});

test.each<[string, Partial<FoundBalancer>]>([
  [`its security group is not ${names.balancerGroup}`, { groupIds: ['sg-other'] }],
  ['its subnets are not the wished subnet-a, subnet-b', { subnets: network.subnets.slice(0, 1) }],
  [
    'load_balancing.cross_zone.enabled is false, wished is true',
    { attributes: new Map([['load_balancing.cross_zone.enabled', 'false']]) },
  ],
])('mends a balancer in place: %s', (why, change) => {
  expect(told(wish, withBalancer(wish, change))).toEqual([`update load balancer: ${why}`]);
});

test('an attribute that nobody wishes for is left alone', () => {
  const attributes = new Map([
    ['load_balancing.cross_zone.enabled', 'true'],
    ['access_logs.s3.enabled', 'true'],
  ]);

  expect(plan(wish, withBalancer(wish, { attributes }))).toEqual([]);
});

test.each([
  ['port', '8081'],
  ['path', '/ready'],
  ['matcher', '200'],
  ['protocol', 'TCP'],
  ['intervalSeconds', 30],
  ['timeoutSeconds', 9],
  ['healthyThreshold', 5],
  ['unhealthyThreshold', 5],
])('mends a health check whose %s is %s', (member, value) => {
  const around = withPools(wish, (pool) => ({ health: { ...pool.health, [member]: value } }));

  expect(told(wish, around)).toHaveLength(3);
  expect(told(wish, around)[0]).toContain(`its health check has ${member} ${value}, wished is`);
});

test('mends a listener that forwards elsewhere, speaks otherwise or shows another certificate', () => {
  const around = settled(wish);
  const balancers = around.balancers.map((one) => ({
    ...one,
    listeners: one.listeners.map((listener) => {
      if (listener.port === 8545) return { ...listener, poolArns: ['arn:other'] };
      if (listener.port === 443) return { ...listener, certificates: ['arn:old'] };
      return { ...listener, protocol: 'TCP' };
    }),
  }));

  expect(told(wish, { ...around, balancers })).toEqual([
    expect.stringMatching(/^update listener: it does not forward to p-/),
    'update listener: its certificate is not the wished one',
    'update listener: it speaks TCP, wished is UDP',
  ]);
});

test('a port that is no longer wished loses listener and target group; a listener of somebody else stays', () => {
  const around = settled(wish);
  const balancers = around.balancers.map((one) => ({
    ...one,
    listeners: [
      ...one.listeners,
      { arn: 'arn:theirs', port: 9999, protocol: 'TCP', certificates: [], poolArns: ['arn:theirs'] },
    ],
  }));

  expect(shape(changed({ ports: balanced.ports.slice(0, 2) }), { ...around, balancers })).toEqual([
    'update security group',
    'update security group',
    'delete listener',
    'delete target group (waits)',
  ]);
});

test('a target group that takes over is filled before the listener turns to it', () => {
  const moved = changed({ ports: [{ port: 8545, targetPort: 9545, protocol: 'TCP' }] });
  const before = changed({ ports: [{ port: 8545, targetPort: 8545, protocol: 'TCP' }] });

  expect(shape(moved, settled(before))).toEqual([
    'update security group',
    'update security group',
    'create target group',
    'update target group (waits)',
    'register target group (waits)',
    'update listener (waits)',
    'delete target group (waits)',
  ]);
});

test('members come and go by difference, those who leave first, in calls of 200', () => {
  const many = Array.from({ length: 450 }, (_, index) => `i-${String(index).padStart(4, '0')}`);
  const port = { ports: [{ port: 8545, targetPort: 8545, protocol: 'TCP' as const }] };
  const steps = plan(changed({ ...port, members: many }), settled(changed(port)));

  expect(steps.map((step) => [step.verb, step.because])).toEqual([
    ['deregister', 'i-1, i-2 are to leave it'],
    ['register', 'i-0000, i-0001, i-0002 and 197 more are not in it'],
    ['register', 'i-0200, i-0201, i-0202 and 197 more are not in it'],
    ['register', 'i-0400, i-0401, i-0402 and 47 more are not in it'],
  ]);
});

test('who drains is not let go twice, and may come back', () => {
  const around = withPools(wish, (pool) => ({
    targets: ['i-1', 'i-2'].map((id) => ({ id, port: pool.port, health: 'draining' })),
  }));

  expect(plan(changed({ members: [] }), around)).toEqual([]);
  expect(told(changed({ members: ['i-1'] }), around)).toEqual(
    [1, 2, 3].map(() => 'register target group: i-1 is not in it'),
  );
});

test('a machine that somebody registered on another port leaves', () => {
  const around = withPools(wish, (pool) => ({
    targets: [...pool.targets, { id: 'i-1', port: 1, health: 'healthy' }],
  }));

  expect(told(wish, around)).toEqual([1, 2, 3].map(() => 'deregister target group: i-1 is to leave it'));
});

test('who was refused the last time holds up nobody', () => {
  const around = withPools(changed({ members: [] }), (pool) => ({ refused: new Set([`i-1:${pool.port}`]) }));

  expect(told(wish, around).slice(0, 2)).toEqual([
    'register target group: i-2 is not in it',
    'register target group: i-1 is not in it',
  ]);
});

test('without a balancer, the balancer goes before its group', () => {
  expect(shape(unbalanced, settled(wish))).toEqual([
    'update security group',
    'delete load balancer',
    ...[1, 2, 3].map(() => 'delete target group (waits)'),
    'delete security group (waits)',
  ]);
});

test('removal deregisters nobody and ends with the group that others refer to', () => {
  const around = withBalancer(wish, { attributes: new Map([['deletion_protection.enabled', 'true']]) });

  const steps = plan({ scope, goal: 'nothing' }, around);

  expect(steps.map((step) => `${step.verb} ${step.kind}`)).toEqual([
    'update load balancer',
    'delete load balancer',
    ...[1, 2, 3].map(() => 'delete target group'),
    'delete security group',
    'delete security group',
  ]);
  expect(steps.slice(-2).map((step) => step.name)).toEqual([names.nodesGroup, names.balancerGroup]);
  expect(steps.map((step) => step.waits !== undefined)).toEqual([false, true, true, true, true, true, true]);
});

test('groups that refer to each other are untied first', () => {
  const around = settled(wish);
  const groups = around.groups.map((group) =>
    group.id === 'sg-balancer'
      ? { ...group, egress: [{ protocol: 'tcp', from: 1, to: 1, peer: 'sg-nodes' }] }
      : group,
  );

  expect(told({ scope, goal: 'nothing' }, { ...empty, groups })).toEqual([
    'update security group: its rules hold another group',
    'delete security group: nothing is to be left',
    'delete security group: nothing is to be left',
  ]);
});

test('removal of nothing is nothing', () => {
  expect(plan({ scope, goal: 'nothing' }, empty)).toEqual([]);
  expect(plan({ scope, goal: 'released' }, empty)).toEqual([]);
});

test('release takes the tag off everything and deletes nothing', () => {
  const steps = plan({ scope, goal: 'released' }, settled(wish));

  expect(steps.map((step) => `${step.verb} ${step.kind}`)).toEqual([
    'release load balancer',
    ...[1, 2, 3].map(() => 'release target group'),
    'release security group',
    'release security group',
  ]);
  expect(steps[0]?.action).toMatchObject({
    arns: ['arn:listener-8545', 'arn:listener-443', 'arn:listener-30303', 'arn:balancer'],
  });
});

test('an application balancer in one zone is refused in our own words', () => {
  const one = { ...network, subnets: network.subnets.slice(0, 1) };
  const application = changed({
    type: 'Application',
    ports: [{ port: 80, targetPort: 8545, protocol: 'HTTP' }],
  });
  const create = plan(application, { ...empty, network: one }).find((step) => step.kind === 'load balancer');

  expect(create?.action).toMatchObject({
    do: 'refuse',
    error: { code: 'invalid', reason: 'BalancerNeedsTwoZones' },
  });
});

test('a name that somebody else uses is refused', () => {
  const taken = { balancers: new Set([names.balancer]), pools: new Set<string>() };
  const create = plan(wish, { ...empty, taken }).find((step) => step.kind === 'load balancer');

  expect(create?.action).toMatchObject({ do: 'refuse', error: { code: 'invalid', reason: 'NameTaken' } });
});

test('while the network is in trouble machines still leave, and nothing else happens', () => {
  const trouble = new CloudError({
    code: 'invalid',
    outcome: 'none',
    api: 'DescribeVpcs',
    reason: 'NoDefaultVpc',
    message: 'there is none',
  });
  const { network: _network, ...around } = settled(wish);
  const steps = planFabric(changed({ members: ['i-1'] }), viewOf(around, trouble));

  expect(steps.map((step) => [step.verb, step.waits])).toEqual([
    ['update', 'DescribeVpcs refused: NoDefaultVpc: there is none'],
    ...[1, 2, 3].map(() => ['deregister', undefined]),
  ]);
});

test('when the network moved, everything serves on where it stands, and only members leave', () => {
  const around = settled(wish);
  const moved = { ...around, network: { ...network, vpcId: 'vpc-2' } };

  expect(shape(wish, moved)).toEqual(['update network']);
  expect(shape(changed({ members: ['i-1'] }), moved)).toEqual([
    ...Array(3).fill('deregister target group'),
    'update network',
  ]);
  expect(plan(wish, moved)[0]?.action).toMatchObject({
    do: 'refuse',
    error: { code: 'invalid', reason: 'VpcChanged', message: expect.stringContaining('vpc-1') },
  });
  expect(told({ scope, goal: 'nothing' }, moved)).toEqual(told({ scope, goal: 'nothing' }, around));
});

describe('a balancer that stands takes other subnets', () => {
  const a = { id: 'a-old', zone: 'a' };
  const b = { id: 'b-old', zone: 'b' };
  const c = { id: 'c-old', zone: 'c' };
  const [newA, newB, newC] = [a, b, c].map(({ zone }) => ({ id: `${zone}-new`, zone }));
  if (newA === undefined || newB === undefined || newC === undefined) throw new Error('there are three');

  test.each([
    ['the same, in another order', 'network', [a, b], [b, a], []],
    ['one more zone', 'network', [a], [a, b], [[a, b]]],
    ['other zones', 'network', [a, b], [c], [[c]]],
    [
      'others in its zones, if it is an application balancer',
      'application',
      [a, b],
      [newA, newB],
      [[newA, newB]],
    ],
    ['another in one of its zones', 'network', [a, b], [newA, b], [[b], [newA, b]]],
    ['another in its zone, beside a zone that comes', 'network', [a], [newA, b], [[b], [newA, b]]],
    ['another in its zone, beside a zone that goes', 'network', [a, b], [newA], [[b], [newA]]],
    [
      'others in all of its zones',
      'network',
      [a, b, c],
      [newA, newB, newC],
      [
        [b, c],
        [newA, c],
        [newA, newB],
        [newA, newB, newC],
      ],
    ],
    ['another in its only zone: that cannot be done', 'network', [a], [newA], undefined],
  ] as const)('%s', (_name, type, found, wished, calls) => {
    expect(subnetCalls(type, found, wished)).toEqual(calls);
  });

  test('by steps that wait for each other, or by another balancer', () => {
    const [first] = network.subnets;
    const elsewhere = { id: 'subnet-z', zone: 'us-east-1a' };
    const on = (subnets: typeof network.subnets) => ({
      ...withBalancer(wish, { subnets: [elsewhere, ...network.subnets.slice(1)] }),
      network: { ...network, subnets },
    });

    expect(told(wish, on(network.subnets))).toEqual([
      'update load balancer: a zone gives up its subnet before it takes another, which leaves subnet-b',
      'update load balancer: its subnets are not the wished subnet-a, subnet-b',
    ]);
    expect(shape(wish, on(network.subnets))).toEqual([
      'update load balancer',
      'update load balancer (waits)',
    ]);
    if (first === undefined) throw new Error('the network has subnets');
    const alone = {
      ...withBalancer(wish, { subnets: [elsewhere] }),
      network: { ...network, subnets: [first] },
    };
    expect(told(wish, alone)[0]).toContain('it is in one zone only');
  });
});

const tagged = (tags: Record<string, string>): FabricWish => ({ ...wish, scope: { owner, spec: { tags } } });

test('tags of what stands follow the spec, last of all, and only what stays is tagged', () => {
  const before = settled(tagged({ team: 'chain', cost: '12' }));

  expect(told(tagged({ team: 'ops', stage: 'live' }), before)).toEqual(
    [
      'security group',
      'security group',
      'load balancer',
      ...Array(3).fill('target group'),
      ...Array(3).fill('listener'),
    ].flatMap((kind) => [
      `update ${kind}: tag cost is not wished`,
      `update ${kind}: tag team is chain, wished is ops; tag stage is not set, wished is live`,
    ]),
  );
  const { balancer: _balancer, ...lone } = tagged({ cost: '12' });
  expect(shape(lone, before).slice(-3)).toEqual([
    'delete security group (waits)',
    'update security group',
    'update security group',
  ]);
});

test('a tag that somebody else put on stays, and one of ours that somebody took off comes back', () => {
  const before = settled(tagged({ team: 'chain' }));
  const [group, ...others] = before.groups;
  if (group === undefined) throw new Error('a settled wish has a group');
  const meddled = (change: (tags: Map<string, string>) => void) => {
    const tags = new Map(group.tags);
    change(tags);
    return { ...before, groups: [{ ...group, tags }, ...others] };
  };

  const added = meddled((tags) => tags.set('audit', 'yes'));
  expect(told(tagged({ team: 'chain' }), added)).toEqual([]);
  const gone = plan(tagged({}), added).filter((step) => step.name === group.name);
  expect(gone.map((step) => step.action)).toEqual([
    { do: 'untag group', groupId: group.id, keys: ['team', 'peerage-tag-keys'] },
  ]);

  const taken = meddled((tags) => tags.delete('Name'));
  expect(told(tagged({ team: 'chain' }), taken)).toEqual([
    'update security group: tag Name is not set, wished is dev-virginia',
  ]);
});

test('without a note of what the spec put there, nothing is taken off', () => {
  const before = settled(tagged({ team: 'chain' }));
  const groups = before.groups.map((group) => {
    const tags = new Map(group.tags);
    tags.delete('peerage-tag-keys');
    return { ...group, tags };
  });

  expect(plan(tagged({}), { ...before, groups }).filter((step) => step.kind === 'security group')).toEqual(
    [],
  );
});

test('a listener whose tags AWS has not told yet is left alone', () => {
  const before = settled(wish);
  const balancers = before.balancers.map((one) => ({
    ...one,
    listeners: one.listeners.map(({ tags: _tags, ...listener }) => listener),
  }));

  expect(plan(wish, { ...before, balancers })).toEqual([]);
});

describe('a balancer that placements share', () => {
  const region = { cluster: 'c', network: 'chains/dev', region: 'aws/123456789012/us-east-1' };
  const shared: FabricWish = { scope: { owner: region, spec: {} }, balancer: balanced, ingress: [] };
  const served: FabricWish = { ...unbalanced, servedBy: { ...balanced, owner: region } };
  const sharedGroup: Group = {
    id: 'sg-shared',
    name: namesOf(region).balancerGroup,
    vpcId: network.vpcId,
    owner: region,
    tags: new Map(),
    ingress: [],
    egress: [],
  };
  const nodesGroup = (around: AwsFabricView['around']) => around.groups.filter(({ id }) => id === 'sg-nodes');

  test('has a group of its own and none for machines', () => {
    const steps = plan(shared, empty);
    expect(steps.filter(({ verb, kind }) => verb === 'create' && kind === 'security group')).toMatchObject([
      {
        name: sharedGroup.name,
        because: 'there is none for the balancer of chains/dev aws/123456789012/us-east-1',
      },
    ]);
    expect(plan(shared, settled(shared))).toEqual([]);
  });

  test('reaches the machines of a placement by the rules there, as soon as its group is there', () => {
    expect(shape(served, empty)).toEqual(['create security group', 'update security group (waits)']);
    const around = settled(served);
    expect(plan(served, { ...around, neighbours: [sharedGroup] })).toEqual([]);
    const before = { ...settled(unbalanced), neighbours: [sharedGroup] };
    expect(told(served, before)).toEqual([
      `update security group: ingress tcp 8545 from ${sharedGroup.name} and 3 more is missing`,
    ]);
    expect(plan(served, before)[0]?.waits).toBeUndefined();
  });

  test("stands beside one of the placement's own while one takes over from the other", () => {
    const both: FabricWish = { ...wish, servedBy: { ...balanced, owner: region } };
    expect(told(both, { ...settled(wish), neighbours: [sharedGroup] })).toEqual([
      `update security group: ingress tcp 8545 from ${sharedGroup.name} and 3 more is missing`,
    ]);
  });

  test('goes when it is not wished, its group when no rule of a placement refers to it', () => {
    const { balancer: _balancer, ...none } = shared;
    const around = settled(shared);
    expect(shape(none, around)).toEqual([
      'delete load balancer',
      ...[1, 2, 3].map(() => 'delete target group (waits)'),
      'delete security group (waits)',
    ]);
    const left = { ...around, balancers: [], pools: [], neighbours: nodesGroup(settled(wish)) };
    expect(plan(none, left)[0]?.waits).toBe(
      `a rule of security group ${names.nodesGroup} still refers to it`,
    );
    expect(shape(none, { ...left, neighbours: nodesGroup(settled(unbalanced)) })).toEqual([
      'delete security group',
    ]);
  });

  test('also where no network is settled', () => {
    const { balancer: _balancer, ...none } = shared;
    const { network: _network, ...around } = settled(shared);
    expect(shape(none, around)[0]).toBe('delete load balancer');
    expect(plan(none, { ...empty, balancers: [] })).toEqual([]);
  });

  test('carries the tags of all, those of the first where they differ', () => {
    const scope = {
      owner: region,
      spec: { tags: { team: 'a' } },
      also: [{ tags: { team: 'b', cost: 'b' } }, { tags: { cost: 'c', chain: 'c' } }],
    };
    const [step] = plan({ ...shared, scope }, empty);
    if (step?.action?.do !== 'create group') throw new Error('a group was to be made');
    expect(Object.fromEntries(tagMap(step.action.tags))).toMatchObject({
      'peerage-region': region.region,
      team: 'a',
      cost: 'b',
      chain: 'c',
    });
  });
});
