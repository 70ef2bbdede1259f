/** How the fabric behaves, whoever plays AWS. */
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import {
  AddTagsCommand,
  DeleteListenerCommand,
  DeleteLoadBalancerCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  ModifyLoadBalancerAttributesCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { namesOf } from '../../src/clouds/aws/fabric/names.ts';
import type { FabricGoal, FabricWish, Owner } from '../../src/clouds/cloud.ts';
import { createFakeClock } from '../../src/runtime/fake-clock.ts';
import {
  balancerWish,
  CLUSTER,
  createStage,
  type Ground,
  OWNER,
  type Stage,
  titleOf,
  wishFor,
  withoutBalancer,
} from './fabric-stage.ts';

const names = namesOf(OWNER);

export function describeFabric(start: () => Promise<Ground>): void {
  let ground: Ground;
  let stage: Stage;

  beforeAll(async () => {
    ground = await start();
  });
  afterAll(async () => {
    await ground.stop();
  });
  beforeEach(async () => {
    const clock = createFakeClock();
    const { url } = await ground.fresh(clock);
    vi.stubEnv('AWS_ENDPOINT_URL', url);
    stage = await createStage(url, clock);
  });
  afterEach(() => {
    stage.close();
    vi.unstubAllEnvs();
  });

  /** Carries it out, and holds that the plan shown was the plan run and that AWS agrees that nothing is left. */
  const settle = async (goal: FabricGoal): Promise<string[]> => {
    const shown = stage.fabric.plan(goal, await stage.observe(goal, 0)).map(titleOf);
    const run = await stage.carryOut(goal);
    expect(unnumbered(run)).toEqual(unnumbered(shown));
    expect(await stage.left(goal)).toEqual([]);
    return run;
  };
  const nothing: FabricGoal = { scope: wishFor().scope, goal: 'nothing' };

  test('makes groups, balancer, target group and listener, and is then content', async () => {
    const run = await settle(wishFor());

    expect(run.map((step) => step.split(' p-')[0]?.replace(/:.*/, ''))).toEqual([
      'create security group',
      'create security group',
      'update security group',
      'update security group',
      'create load balancer',
      'create target group',
      'update target group',
      'create listener TCP 8545',
    ]);
    const view = await stage.observe(wishFor());
    expect(view.network?.found).toMatch(/^default VPC vpc-\w+ of us-east-1$/);
    expect(view.attachment?.zones.map(({ zone }) => zone)).toEqual([
      'us-east-1a',
      'us-east-1b',
      'us-east-1c',
      'us-east-1d',
      'us-east-1e',
      'us-east-1f',
    ]);
    expect(view.attachment?.firewalls).toHaveLength(1);
    expect(view.balancer?.address).toContain('elb');
    expect(view.resources.map(({ kind }) => kind)).toEqual([
      'security group',
      'security group',
      'load balancer',
      'listener',
      'target group',
    ]);
  });

  test('tags everything in the call that makes it', async () => {
    await settle(wishFor({ scope: { owner: OWNER, spec: { tags: { team: 'chain' } } } }));

    const view = await stage.observe(wishFor());
    const { SecurityGroups } = await stage.ec2.send(
      new DescribeSecurityGroupsCommand({
        Filters: [
          { Name: 'tag:peerage-cluster', Values: [CLUSTER] },
          { Name: 'tag:peerage-network', Values: ['chains/dev'] },
          { Name: 'tag:peerage-placement', Values: ['virginia'] },
          { Name: 'tag:team', Values: ['chain'] },
        ],
      }),
    );
    expect(SecurityGroups).toHaveLength(2);
    const arns = view.resources.map(({ id }) => id).filter((id) => id.startsWith('arn:'));
    const { TagDescriptions } = await stage.elb.send(new DescribeTagsCommand({ ResourceArns: arns }));
    expect(TagDescriptions).toHaveLength(3);
    for (const { Tags } of TagDescriptions ?? []) {
      expect(Tags).toEqual(
        expect.arrayContaining([
          { Key: 'peerage-cluster', Value: CLUSTER },
          { Key: 'peerage-network', Value: 'chains/dev' },
          { Key: 'peerage-placement', Value: 'virginia' },
          { Key: 'team', Value: 'chain' },
        ]),
      );
    }
  });

  describe('tags of what stands', () => {
    const tagged = (tags: Readonly<Record<string, string>>): FabricWish =>
      wishFor({ scope: { owner: OWNER, spec: { tags } } });
    const ids = async () => (await stage.observe(wishFor())).resources.map(({ id }) => id);
    /** Of everything that stands, by id, without what says whose it is. */
    const tagsNow = async (): Promise<readonly Record<string, string>[]> => {
      const all = await ids();
      const ResourceArns = all.filter((id) => id.startsWith('arn:'));
      const { TagDescriptions = [] } = await stage.elb.send(new DescribeTagsCommand({ ResourceArns }));
      const { SecurityGroups = [] } = await stage.ec2.send(
        new DescribeSecurityGroupsCommand({ GroupIds: all.filter((id) => id.startsWith('sg-')) }),
      );
      const lists = [...SecurityGroups, ...TagDescriptions].map(({ Tags = [] }) => Tags);
      expect(lists).toHaveLength(all.length);
      return lists.map((list) =>
        Object.fromEntries(
          list
            .map(({ Key = '', Value = '' }) => [Key, Value] as const)
            .filter(([key]) => key !== 'Name' && !key.startsWith('peerage-')),
        ),
      );
    };
    const addByHand = async (Tags: { Key: string; Value: string }[]): Promise<void> => {
      const all = await ids();
      const ResourceArns = all.filter((id) => id.startsWith('arn:'));
      await stage.elb.send(new AddTagsCommand({ ResourceArns, Tags }));
      await stage.ec2.send(
        new CreateTagsCommand({ Resources: all.filter((id) => id.startsWith('sg-')), Tags }),
      );
    };

    test('follow the spec, and the plan says so', async () => {
      await settle(tagged({ team: 'chain', cost: '12' }));

      const run = await settle(tagged({ team: 'ops', stage: 'live' }));

      expect(run.map((step) => step.replace(/ p-[0-9a-f]+/, ''))).toEqual(
        ['security group', 'security group', 'load balancer', 'target group', 'listener TCP 8545'].flatMap(
          (kind) => [
            `update ${kind}: tag cost is not wished`,
            expect.stringMatching(
              new RegExp(`^update ${kind}: tag team is chain, wished is ops; .*stage is not set`),
            ),
          ],
        ),
      );
      expect(new Set((await tagsNow()).map((tags) => JSON.stringify(tags, ['stage', 'team'])))).toEqual(
        new Set([JSON.stringify({ stage: 'live', team: 'ops' })]),
      );
      await settle(wishFor());
      expect(await tagsNow()).toEqual(Array(5).fill({}));
    });

    test('come on what was made without any', async () => {
      await settle(wishFor());
      await settle(tagged({ team: 'chain' }));
      expect(await tagsNow()).toEqual(Array(5).fill({ team: 'chain' }));
    });

    test('are mended where somebody changed them, and those of somebody else stay', async () => {
      await settle(tagged({ team: 'chain' }));
      await addByHand([
        { Key: 'team', Value: 'mine' },
        { Key: 'audit', Value: 'yes' },
      ]);

      const run = await settle(tagged({ team: 'chain' }));

      expect(run).toHaveLength(5);
      expect(run.every((step) => step.endsWith(': tag team is mine, wished is chain'))).toBe(true);
      expect(await tagsNow()).toEqual(Array(5).fill({ team: 'chain', audit: 'yes' }));
      await settle(wishFor());
      expect(await tagsNow()).toEqual(Array(5).fill({ audit: 'yes' }));
    });
  });

  test('lets the balancer reach the machines on the ports it needs, and nothing else of it', async () => {
    const wish = wishFor({
      ingress: [],
      balancer: { ...balancerWish, health: { ...balancerWish.health, port: 9000 } },
    });
    await settle(wish);

    const { SecurityGroups = [] } = await stage.ec2.send(
      new DescribeSecurityGroupsCommand({
        Filters: [{ Name: 'tag:peerage-cluster', Values: [CLUSTER] }],
      }),
    );
    const nodes = SecurityGroups.find((group) => group.GroupName === names.nodesGroup);
    const balancer = SecurityGroups.find((group) => group.GroupName === names.balancerGroup);
    expect(nodes?.IpPermissions?.map((rule) => rule.FromPort).sort()).toEqual([8545, 9000]);
    for (const rule of nodes?.IpPermissions ?? []) {
      expect(rule.UserIdGroupPairs?.map((pair) => pair.GroupId)).toEqual([balancer?.GroupId]);
      expect(rule.IpRanges ?? []).toEqual([]);
    }
  });

  test('opens and closes what a changed wish asks for', async () => {
    await settle(wishFor());

    const changed = wishFor({
      ingress: [{ protocol: 'ICMP', cidrs: ['10.1.2.3/16'] }],
      egress: [{ protocol: 'TCP', ports: { from: 443, to: 443 }, cidrs: ['0.0.0.0/0', '10.0.0.0/8'] }],
    });
    const run = await settle(changed);

    expect(run.map((step) => step.split(': ')[1])).toEqual([
      'ingress icmp from 10.1.0.0/16 is missing',
      'ingress tcp 30303 from 0.0.0.0/0 and 2 more is not wished',
      'egress tcp 443 to 0.0.0.0/0 and 1 more is missing',
      'egress everything to 0.0.0.0/0 is not wished',
    ]);
    expect(await settle(wishFor())).toHaveLength(4);
  });

  test('restores rules that somebody took out and takes out what somebody put in', async () => {
    await settle(wishFor());
    const view = await stage.observe(wishFor());
    const GroupId = view.attachment?.firewalls[0];
    await stage.ec2.send(
      new RevokeSecurityGroupIngressCommand({
        GroupId,
        IpPermissions: [
          { IpProtocol: 'tcp', FromPort: 30303, ToPort: 30303, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
        ],
      }),
    );
    await stage.ec2.send(
      new AuthorizeSecurityGroupIngressCommand({
        GroupId,
        IpPermissions: [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
      }),
    );

    const run = await settle(wishFor());

    expect(run.map((step) => step.split(': ')[1])).toEqual([
      'ingress tcp 30303 from 0.0.0.0/0 is missing',
      'ingress tcp 22 from 0.0.0.0/0 is not wished',
    ]);
  });

  test('restores a listener and a balancer that somebody removed', async () => {
    await settle(wishFor());
    const { Listeners } = await stage.elb.send(
      new DescribeListenersCommand({ LoadBalancerArn: (await stage.observe(wishFor())).balancer?.id }),
    );
    await stage.elb.send(new DeleteListenerCommand({ ListenerArn: Listeners?.[0]?.ListenerArn }));

    expect(await settle(wishFor())).toEqual(['create listener TCP 8545: port 8545 has none']);

    const before = (await stage.observe(wishFor())).balancer?.id;
    await stage.elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: before }));
    await stage.clock.advance(6 * 60_000);

    expect(await settle(wishFor())).toEqual([
      `create load balancer ${names.balancer}: there is none`,
      'create listener TCP 8545: port 8545 has none',
    ]);
    expect((await stage.observe(wishFor())).balancer?.id).not.toBe(before);
  });

  test('puts machines in and lets them out', async () => {
    await settle(wishFor());
    const { attachment } = await stage.observe(wishFor());
    const [a = '', b = '', c = ''] = await stage.launch(
      3,
      attachment?.firewalls ?? [],
      attachment?.zones[0]?.at ?? '',
    );
    const withMembers = (members: readonly string[]): FabricWish =>
      wishFor({ balancer: { ...balancerWish, members } });
    await stage.clock.advance(10_000);

    expect((await settle(withMembers([c, a, b]))).map((step) => step.split(': ')[1])).toEqual([
      `${a}, ${b}, ${c} are not in it`,
    ]);
    await stage.clock.advance(10_000);
    const view = await stage.observe(withMembers([a, b, c]), 0);
    expect(Array.from(view.members.keys()).sort()).toEqual([a, b, c]);
    expect(view.pools).toBe(1);
    expect(view.members.get(a)).toMatchObject({ health: 'healthy', pools: 1 });

    expect((await settle(withMembers([a]))).map((step) => step.split(': ')[1])).toEqual([
      `${b}, ${c} are to leave it`,
    ]);
    const after = await stage.observe(withMembers([a]), 0);
    expect(after.members.get(a)?.health).toBe('healthy');
    expect(after.members.get(b)?.health ?? 'draining').toBe('draining');
  });

  test('moves a port to another target port by way of a second target group', async () => {
    const members = await withMachines(2);
    const wish = wishFor({ balancer: { ...balancerWish, members } });
    await settle(wish);

    const moved = wishFor({
      balancer: { ...balancerWish, members, ports: [{ port: 8545, targetPort: 9545, protocol: 'TCP' }] },
    });
    const run = await settle(moved);

    expect(run.map((step) => step.split(' p-')[0]?.replace(/:.*/, ''))).toEqual([
      'update security group',
      'create target group',
      'update target group',
      'register target group',
      'update listener TCP 8545',
      'delete target group',
    ]);
    const { TargetGroups } = await stage.elb.send(new DescribeTargetGroupsCommand({}));
    expect(TargetGroups?.map((group) => group.Port)).toEqual([9545]);
  });

  test('changes health check, drain time and cross-zone in place', async () => {
    await settle(wishFor());

    const run = await settle(
      wishFor({
        balancer: {
          ...balancerWish,
          crossZone: true,
          drainSeconds: 5,
          health: { protocol: 'TCP', port: 8545, intervalSeconds: 30 },
        },
      }),
    );

    expect(run.map((step) => step.split(': ')[1])).toEqual([
      'load_balancing.cross_zone.enabled is false, wished is true',
      'its health check has protocol HTTP, wished is TCP',
      'deregistration_delay.timeout_seconds is 30, wished is 5',
    ]);
  });

  test('replaces a balancer whose type or scheme is not the wished one, although it is protected', async () => {
    await settle(wishFor());
    await stage.elb.send(
      new ModifyLoadBalancerAttributesCommand({
        LoadBalancerArn: (await stage.observe(wishFor())).balancer?.id,
        Attributes: [{ Key: 'deletion_protection.enabled', Value: 'true' }],
      }),
    );

    const application = wishFor({
      balancer: {
        ...balancerWish,
        type: 'Application',
        ports: [{ port: 80, targetPort: 8545, protocol: 'HTTP' }],
        health: { protocol: 'TCP', port: 8545, intervalSeconds: 10 },
      },
    });
    const run = await settle(application);

    expect(run).toContain(`update load balancer ${names.balancer}: deletion protection is on`);
    expect(run).toContain(
      `delete load balancer ${names.balancer}: it is of type network, wished is application; its name is free again only when it is gone`,
    );
    const internal = wishFor({ balancer: { ...balancerWish, internal: true } });
    await settle(internal);
    const { LoadBalancers } = await stage.elb.send(new DescribeLoadBalancersCommand({}));
    expect(LoadBalancers?.map(({ Type, Scheme }) => [Type, Scheme])).toEqual([['network', 'internal']]);
  });

  test('follows the subnets that a placement names', async () => {
    await settle(wishFor());
    const zones = ['us-east-1a', 'us-east-1b'];

    const narrowed = wishFor({ scope: { owner: OWNER, spec: { zones } } });
    const run = await settle(narrowed);

    expect(run).toEqual([
      expect.stringMatching(/^update load balancer p-\w+: its subnets are not the wished subnet-/),
    ]);
    const view = await stage.observe(narrowed);
    expect(view.attachment?.zones.map(({ zone }) => zone)).toEqual(zones);
  });

  test('takes other subnets in the zones that it is in, one call after the other', async () => {
    const zones = ['us-east-1a', 'us-east-1b', 'us-east-1c'];
    const { network } = await stage.observe(wishFor());
    const others: string[] = [];
    for (const [index, AvailabilityZone] of zones.entries()) {
      const { Subnet } = await stage.ec2.send(
        new CreateSubnetCommand({
          VpcId: network?.id,
          CidrBlock: `172.31.${200 + index}.0/24`,
          AvailabilityZone,
        }),
      );
      others.push(Subnet?.SubnetId ?? '');
    }
    await settle(wishFor({ scope: { owner: OWNER, spec: { zones } } }));
    const before = (await stage.observe(wishFor())).balancer?.id;

    const moved = wishFor({ scope: { owner: OWNER, spec: { network: { subnetIds: others } } } });
    const run = await settle(moved);

    expect(run.map((step) => step.replaceAll(/ p-\w+|, which leaves .*| subnet-.*/g, ''))).toEqual([
      ...Array(3).fill('update load balancer: a zone gives up its subnet before it takes another'),
      'update load balancer: its subnets are not the wished',
    ]);
    const { LoadBalancers } = await stage.elb.send(new DescribeLoadBalancersCommand({}));
    expect(LoadBalancers?.map(({ LoadBalancerArn }) => LoadBalancerArn)).toEqual([before]);
    expect(LoadBalancers?.[0]?.AvailabilityZones?.map(({ SubnetId }) => SubnetId).sort()).toEqual(
      others.toSorted(),
    );
    expect((await stage.observe(moved)).attachment?.zones.map(({ at }) => at)).toEqual(others);
  });

  test('stays in its VPC, changes nothing when another one is named, and can still be removed', async () => {
    await settle(wishFor());
    const second = await stage.secondVpc();
    const moved = wishFor({ scope: { owner: OWNER, spec: { network: { subnetIds: [second.subnetId] } } } });
    const before = await stage.observe(wishFor());
    stage.takeCalls();

    await expect(stage.carryOut(moved)).rejects.toMatchObject({ code: 'invalid', reason: 'VpcChanged' });

    expect(stage.takeCalls().filter((api) => !api.startsWith('Describe'))).toEqual([]);
    expect(before.network?.id).not.toBe(second.vpcId);
    expect((await stage.observe(moved)).attachment).toBeUndefined();
    expect(await stage.left(wishFor())).toEqual([]);
    await settle({ scope: moved.scope, goal: 'nothing' });
    expect(await stage.owners()).toEqual([]);
  });

  test('takes the balancer away and leaves the nodes their group', async () => {
    await settle(wishFor());

    const run = await settle(withoutBalancer(wishFor()));

    expect(run.map((step) => step.split(' p-')[0]?.replace(/:.*/, ''))).toEqual([
      'update security group',
      'delete load balancer',
      'delete target group',
      'delete security group',
    ]);
    expect((await stage.observe(wishFor())).resources.map(({ name }) => name)).toEqual([names.nodesGroup]);
  });

  test('removes everything, and nothing is left', async () => {
    await settle(wishFor());

    const run = await settle(nothing);

    expect(run.map((step) => step.split(' p-')[0]?.replace(/:.*/, ''))).toEqual([
      'delete load balancer',
      'delete target group',
      'delete security group',
      'delete security group',
    ]);
    expect((await stage.observe(nothing, 0)).resources).toEqual([]);
    expect(await stage.owners()).toEqual([]);
    const { LoadBalancers } = await stage.elb.send(new DescribeLoadBalancersCommand({}));
    const { TargetGroups } = await stage.elb.send(new DescribeTargetGroupsCommand({}));
    expect([...(LoadBalancers ?? []), ...(TargetGroups ?? [])]).toEqual([]);
  });

  test('goes on after a restart at any step', async () => {
    const goals: readonly FabricGoal[] = [wishFor(), nothing];
    for (const goal of goals) {
      const done: string[] = [];
      for (;;) {
        const fabric = stage.open();
        const steps = fabric.plan(goal, await stage.observe(goal, 0, fabric));
        const next = steps.find((step) => step.waits === undefined);
        if (next === undefined) break;
        done.push(titleOf(next));
        await fabric.run(next, new AbortController().signal);
      }
      expect(done.length).toBeGreaterThan(3);
      expect(new Set(done).size).toBe(done.length);
    }
    expect((await stage.observe(nothing, 0)).resources).toEqual([]);
  });

  test('keeps placements apart', async () => {
    const other = { ...OWNER, placement: 'second' };
    const second = wishFor({ scope: { owner: other, spec: {} } });
    await settle(wishFor());
    await settle(second);

    expect(
      (await stage.owners()).toSorted((a, b) => ((a.placement ?? '') < (b.placement ?? '') ? -1 : 1)),
    ).toEqual([other, OWNER]);
    await settle(nothing);
    expect(await stage.left(second)).toEqual([]);
  });

  describe('a balancer that placements share', () => {
    const { network = '' } = OWNER;
    const region: Owner = { cluster: CLUSTER, network, region: 'aws/123456789012/us-east-1' };
    const scope = { owner: region, spec: { zones: ['us-east-1a'] }, also: [{ zones: ['us-east-1b'] }] };
    const shared: FabricWish = { scope, balancer: balancerWish, ingress: [] };
    const served = (placement: string): FabricWish => {
      const { ports, health } = balancerWish;
      const of = { owner: { ...OWNER, placement }, spec: {} };
      return { ...withoutBalancer(wishFor({ scope: of })), servedBy: { owner: region, ports, health } };
    };
    const kinds = (run: readonly string[]) => run.map((step) => step.split(' p-')[0]?.replace(/:.*/, ''));

    test('stands in the zones of all, tagged as nobody alone; each placement lets it in', async () => {
      await settle(shared);
      for (const placement of ['virginia', 'second'])
        expect(kinds(await settle(served(placement)))).toEqual([
          'create security group',
          'update security group',
        ]);

      const { around, resources } = await stage.observe(shared);
      expect(around.balancers[0]?.subnets.map(({ zone }) => zone)).toEqual(['us-east-1a', 'us-east-1b']);
      expect(resources.filter(({ kind }) => kind === 'security group')).toHaveLength(1);
      const [group] = around.groups;
      const { SecurityGroups = [] } = await stage.ec2.send(
        new DescribeSecurityGroupsCommand({
          Filters: [{ Name: 'ip-permission.group-id', Values: [group?.id ?? ''] }],
        }),
      );
      expect(SecurityGroups).toHaveLength(2);
      expect(group?.tags.get('peerage-region')).toBe(region.region);
      expect(group?.tags.has('peerage-placement')).toBe(false);
      expect(await stage.owners()).toEqual(
        expect.arrayContaining([region, OWNER, { ...OWNER, placement: 'second' }]),
      );
      // As whoever knows nothing of it sees it.
      const fabric = stage.open();
      expect(fabric.plan(shared, await stage.observe(shared, 0, fabric))).toEqual([]);
    });

    test('goes when it is not wished, its group when no placement lets it in any more', async () => {
      await settle(shared);
      await settle(served('virginia'));
      const none = withoutBalancer(shared);
      await expect(stage.carryOut(none)).rejects.toThrow(/a rule of security group p-\w+ still refers to it/);
      await settle(withoutBalancer(wishFor()));
      expect(kinds(await settle(none))).toEqual(['delete security group']);
      expect(await stage.owners()).toEqual([OWNER]);
    });

    test('is removed after the placements, and nothing is left', async () => {
      await settle(shared);
      await settle(served('virginia'));
      await settle(nothing);
      await settle({ scope, goal: 'nothing' });
      expect(await stage.owners()).toEqual([]);
    });

    test('is released like all the rest', async () => {
      await settle(shared);
      await settle({ scope, goal: 'released' });
      expect(await stage.owners()).toEqual([]);
      const { LoadBalancers } = await stage.elb.send(new DescribeLoadBalancersCommand({}));
      expect(LoadBalancers).toHaveLength(1);
    });

    test('cannot be in two VPCs: it stays where it is', async () => {
      await settle(shared);
      const { subnetId } = await stage.secondVpc();
      const also = [{ network: { subnetIds: [subnetId] } }];
      const torn = { ...shared, scope: { ...scope, also } };
      const { trouble } = await stage.observe(torn);
      expect(trouble).toMatchObject({ code: 'invalid', reason: 'SubnetsOfTwoVpcs' });
      expect(await stage.left(torn)).toHaveLength(1);
      expect(await stage.left(shared)).toEqual([]);
    });
  });

  test('releases everything and removes nothing', async () => {
    await settle(wishFor());
    const { resources } = await stage.observe(wishFor());

    await settle({ scope: wishFor().scope, goal: 'released' });

    expect((await stage.observe(wishFor(), 0)).resources).toEqual([]);
    expect(await stage.owners()).toEqual([]);
    const arns = resources.map(({ id }) => id).filter((id) => id.startsWith('arn:'));
    const { TagDescriptions = [] } = await stage.elb.send(new DescribeTagsCommand({ ResourceArns: arns }));
    expect(TagDescriptions).toHaveLength(3);
    for (const { Tags } of TagDescriptions) {
      expect(Tags?.map((tag) => tag.Key)).not.toContain('peerage-cluster');
    }
    // The names stay taken by what was released, and that is not ours any more.
    await expect(stage.carryOut(wishFor())).rejects.toMatchObject({ code: 'invalid', reason: 'NameTaken' });
    const { SecurityGroups } = await stage.ec2.send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-name', Values: [names.nodesGroup] }] }),
    );
    expect(SecurityGroups?.[0]?.Tags?.map((tag) => tag.Key)).not.toContain('peerage-cluster');
  });

  test('leaves a security group alone that has our name and not our tag', async () => {
    const { network } = await stage.observe(wishFor());
    await stage.ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: names.balancerGroup,
        Description: 'of somebody else',
        VpcId: network?.id,
      }),
    );

    await expect(stage.carryOut(wishFor())).rejects.toMatchObject({ code: 'invalid', reason: 'NameTaken' });
    await stage.carryOut(nothing);

    const { SecurityGroups } = await stage.ec2.send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-name', Values: [names.balancerGroup] }] }),
    );
    expect(SecurityGroups?.[0]).toMatchObject({ Description: 'of somebody else', IpPermissions: [] });
  });

  describe('with trouble that only a person can mend', () => {
    const troubled = async (network: unknown, zones?: readonly string[]) => {
      const spec = {
        ...(network === undefined ? {} : { network }),
        ...(zones === undefined ? {} : { zones }),
      };
      const wish = wishFor({ scope: { owner: OWNER, spec } });
      const view = await stage.observe(wish);
      const steps = stage.fabric.plan(wish, view);
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.every((step) => step.waits !== undefined)).toBe(true);
      return view.trouble;
    };

    test('names the subnet that does not exist', async () => {
      expect(await troubled({ subnetIds: ['subnet-0123456789abcdef0'] })).toMatchObject({
        code: 'invalid',
        reason: 'SubnetNotFound',
        message: expect.stringContaining('subnet-0123456789abcdef0'),
      });
    });

    test('refuses subnets of two VPCs', async () => {
      const second = await stage.secondVpc();
      const { Subnets } = await stage.ec2.send(new DescribeSubnetsCommand({}));
      const first = Subnets?.find((subnet) => subnet.VpcId !== second.vpcId)?.SubnetId;

      expect(await troubled({ subnetIds: [first, second.subnetId] })).toMatchObject({
        code: 'invalid',
        reason: 'SubnetsOfTwoVpcs',
      });
    });

    test('refuses tags that two VPCs carry', async () => {
      await stage.secondVpc({ role: 'chain' });
      await stage.secondVpc({ role: 'chain' });

      expect(await troubled({ vpcTags: { role: 'chain' } })).toMatchObject({ reason: 'AmbiguousVpc' });
      expect(await troubled({ vpcTags: { role: 'nobody' } })).toMatchObject({
        reason: 'VpcNotFound',
        message: expect.stringMatching(/^VpcNotFound: no VPC of \S+ has the tags role=nobody$/),
      });
    });

    test('names the zone that has no subnet', async () => {
      expect(await troubled(undefined, ['us-east-1a', 'us-east-1z'])).toMatchObject({
        reason: 'NoSubnetInZone',
        message: expect.stringContaining('us-east-1z'),
      });
    });

    test('refuses an application balancer in one zone before anything is asked of AWS', async () => {
      const wish = wishFor({
        scope: { owner: OWNER, spec: { zones: ['us-east-1a'] } },
        balancer: {
          ...balancerWish,
          type: 'Application',
          ports: [{ port: 80, targetPort: 8545, protocol: 'HTTP' }],
        },
      });

      await expect(stage.carryOut(wish)).rejects.toMatchObject({
        code: 'invalid',
        reason: 'BalancerNeedsTwoZones',
      });
    });
  });

  test('finds VPC and subnets by id and by tags, and says how', async () => {
    const second = await stage.secondVpc({ role: 'chain' });
    const found = async (network: unknown) => {
      const { network: where, trouble } = await stage.observe(
        wishFor({ scope: { owner: OWNER, spec: { network } } }),
      );
      expect(trouble).toBeUndefined();
      return where;
    };

    expect(await found({ vpcTags: { role: 'chain' } })).toEqual({
      id: second.vpcId,
      found: `VPC ${second.vpcId} of us-east-1, by the tags role=chain`,
    });
    expect(await found({ vpcId: second.vpcId })).toMatchObject({ id: second.vpcId });
    expect(await found({ subnetIds: [second.subnetId] })).toMatchObject({ id: second.vpcId });
    expect(await found({ subnetTags: { role: 'chain' } })).toMatchObject({ id: second.vpcId });
  });

  async function withMachines(count: number): Promise<string[]> {
    await stage.carryOut(wishFor());
    const { attachment } = await stage.observe(wishFor());
    const ids = await stage.launch(count, attachment?.firewalls ?? [], attachment?.zones[0]?.at ?? '');
    await stage.clock.advance(10_000);
    return ids;
  }
}

/** Ids stand where names stood before something was made. */
function unnumbered(steps: readonly string[]): string[] {
  return steps.map((step) => step.replaceAll(/\bsg-[0-9a-f]+/g, 'sg'));
}
