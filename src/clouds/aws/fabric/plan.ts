/**
 * From what is wished and what stands to the steps between, in the order in which they must run. Running the first one
 * and planning again gives the same steps without it: a plan shown is the plan run.
 */
import type { FabricGoal, FabricWish, Scope } from '../../cloud.ts';
import { standingTags } from '../tags.ts';
import type { AwsFabricView, FoundPool, Network } from './found.ts';
import { namesOf, scopeName } from './names.ts';
import { planBalancer, planDeleteBalancer } from './plan-balancer.ts';
import { planCreate, planDeleteGroups, planRules } from './plan-groups.ts';
import { listenerName, planListeners } from './plan-listeners.ts';
import { planDeletePool, planDeregister, planPool, planRegister } from './plan-pools.ts';
import { planRelease } from './plan-release.ts';
import { planElbTags, planGroupTags } from './plan-tags.ts';
import { vpcChanged } from './refusals.ts';
import { tagsOf } from './settings.ts';
import { type AwsStep, type Behalf, stepOf } from './steps.ts';
import { type Desired, desiredOf } from './wish.ts';

export function planFabric(goal: FabricGoal, view: AwsFabricView): readonly AwsStep[] {
  if ('goal' in goal) {
    return goal.goal === 'nothing' ? planRemoval(goal.scope, view) : planRelease(goal.scope, view);
  }
  // In a region that placements share, there is nothing without a balancer.
  if (goal.balancer === undefined && goal.scope.owner.region !== undefined) {
    return planRemoval(goal.scope, view, 'nothing wished uses it');
  }
  const { network } = view.around;
  if (network === undefined) return planInTrouble(goal, view);
  const elsewhere = vpcsOf(view).find((vpcId) => vpcId !== network.vpcId);
  return elsewhere === undefined
    ? planWish(goal, view, network)
    : planMoved(goal, view, { from: elsewhere, to: network.vpcId });
}

function vpcsOf({ around: { groups, balancers, pools } }: AwsFabricView): readonly string[] {
  return [...groups, ...balancers, ...pools].map(({ vpcId }) => vpcId);
}

const NETWORK = { verb: 'update', kind: 'network', name: 'VPC and subnets' } as const;

/** Without a network nothing can be made; machines that leave are let go all the same. */
function planInTrouble(wish: FabricWish, view: AwsFabricView): readonly AwsStep[] {
  return [
    stepOf(
      wish.scope,
      { ...NETWORK, because: 'it is not settled which ones to use' },
      view.trouble?.message ?? 'the network is unknown',
    ),
    ...planLeaving(wish, view),
  ];
}

/** What stands serves on as it is until somebody settles it. */
function planMoved(
  wish: FabricWish,
  view: AwsFabricView,
  vpcIds: { readonly from: string; readonly to: string },
): readonly AwsStep[] {
  const because = `everything stands in ${vpcIds.from}, named is ${vpcIds.to}`;
  const error = vpcChanged(scopeName(wish.scope.owner), vpcIds);
  return [...planLeaving(wish, view), stepOf(wish.scope, { ...NETWORK, because }, { do: 'refuse', error })];
}

function planLeaving(wish: FabricWish, view: AwsFabricView): readonly AwsStep[] {
  const members = wish.balancer?.members ?? [];
  return view.around.pools.flatMap((pool) => planDeregister(wish.scope, pool, members));
}

function planWish(wish: FabricWish, view: AwsFabricView, network: Network): readonly AwsStep[] {
  const { groups, neighbours, balancers, pools, taken } = view.around;
  const { owner } = wish.scope;
  const tags = tagsOf(wish.scope);
  const behalf: Behalf = { owner, tags: standingTags({ owner, ...(tags === undefined ? {} : { tags }) }) };
  const names = namesOf(owner);
  const groupNamed = (name: string) => groups.find((group) => group.name === name);
  const nodesGroup = groupNamed(names.nodesGroup);
  const balancerGroup = groupNamed(names.balancerGroup);
  const shared = sharedGroupOf(wish, view, network);
  const desired = desiredOf(wish, network, {
    own: balancerGroup?.id ?? names.balancerGroup,
    shared: shared.id ?? shared.name,
  });
  const standing = balancers.find((balancer) => balancer.name === names.balancer);
  const rules = {
    network,
    names: new Map([...groups, ...neighbours].map((group) => [group.id, group.name])),
    absent: [
      ...(balancerGroup === undefined ? [names.balancerGroup] : []),
      ...(shared.id === undefined ? [shared.name] : []),
    ],
  };
  const surplusBalancers = balancers.filter(
    (balancer) => desired.balancer === undefined || balancer !== standing,
  );
  const surplusGroups = groups.filter(
    (group) => group !== nodesGroup && (desired.balancer === undefined || group !== balancerGroup),
  );

  const balanced =
    desired.balancer === undefined
      ? {
          steps: pools.map((pool) => planDeletePool(behalf, pool, 'nothing wished uses it', balancers)),
          tags: [],
        }
      : planBalanced(behalf, desired.balancer, view, {
          network,
          groupId: balancerGroup?.id,
          groupName: names.balancerGroup,
          taken,
        });
  const keptGroups = groups.filter((group) => !surplusGroups.includes(group));

  return [
    ...(nodesGroup === undefined && desired.nodesGroup !== undefined
      ? [planCreate(behalf, desired.nodesGroup, network)]
      : []),
    ...(desired.balancerGroup === undefined
      ? []
      : [
          ...(balancerGroup === undefined ? [planCreate(behalf, desired.balancerGroup, network)] : []),
          ...planRules(behalf, desired.balancerGroup, balancerGroup, rules),
        ]),
    ...(desired.nodesGroup === undefined ? [] : planRules(behalf, desired.nodesGroup, nodesGroup, rules)),
    ...surplusBalancers.flatMap((balancer) => planDeleteBalancer(behalf, balancer, 'nothing wished uses it')),
    ...balanced.steps,
    ...planDeleteGroups(behalf, surplusGroups, {
      kept: [...keptGroups, ...neighbours],
      because: 'nothing wished uses it',
      waits: surplusBalancers.length > 0 ? 'the load balancer is still there' : undefined,
    }),
    // Nothing waits for a tag, and an identity may well be refused to set one.
    ...keptGroups.flatMap((group) => planGroupTags(behalf, group)),
    ...balanced.tags,
  ];
}

/** The group of a balancer in another scope. Its id is absent until it is made. */
function sharedGroupOf(
  { servedBy }: FabricWish,
  { around: { neighbours } }: AwsFabricView,
  { vpcId }: Network,
): { readonly name: string; readonly id?: string } {
  if (servedBy === undefined) return { name: '' };
  const { balancerGroup: name } = namesOf(servedBy.owner);
  return neighbours.find((group) => group.name === name && group.vpcId === vpcId) ?? { name };
}

/**
 * `tags`: steps that bring the tags of what stands in line.
 *
 * Registrations come last: they are what AWS refuses most often (a machine that has just ended, a full zone), and nothing
 * else must wait for them. The exception is a target group that takes over from another: it is filled first.
 */
function planBalanced(
  behalf: Behalf,
  desired: NonNullable<Desired['balancer']>,
  view: AwsFabricView,
  context: {
    readonly network: Network;
    readonly groupId: string | undefined;
    readonly groupName: string;
    readonly taken: AwsFabricView['around']['taken'];
  },
): { readonly steps: readonly AwsStep[]; readonly tags: readonly AwsStep[] } {
  const { balancers, pools } = view.around;
  const found = balancers.find((balancer) => balancer.name === desired.name);
  const { steps, standing } = planBalancer(behalf, desired, found, {
    ...context,
    taken: context.taken.balancers,
  });
  const poolNamed = (name: string): FoundPool | undefined => pools.find((pool) => pool.name === name);
  const poolNames = new Set(desired.pools.map((pool) => pool.name));
  const kept = pools.filter((pool) => poolNames.has(pool.name));
  const surplus = pools.filter((pool) => !poolNames.has(pool.name));
  const takesOver = (name: string): boolean => {
    const listener = desired.listeners.find((one) => one.pool === name);
    const now = standing?.listeners.find((one) => one.port === listener?.port);
    return now !== undefined && surplus.some((pool) => now.poolArns.includes(pool.arn));
  };
  const register = (filledFirst: 'filled first' | 'filled last'): readonly AwsStep[] =>
    desired.pools
      .filter((pool) => takesOver(pool.name) === (filledFirst === 'filled first'))
      .flatMap((pool) => planRegister(behalf, pool, poolNamed(pool.name), desired.members));

  const wished = [
    ...steps,
    ...desired.pools.flatMap((pool) =>
      planPool(behalf, pool, poolNamed(pool.name), {
        vpcId: context.network.vpcId,
        taken: context.taken.pools,
      }),
    ),
    ...register('filled first'),
    ...planListeners(behalf, desired, standing, pools),
    ...kept.flatMap((pool) => planDeregister(behalf, pool, desired.members)),
    ...surplus.map((pool) =>
      planDeletePool(behalf, pool, 'no port is wished that it would serve', balancers),
    ),
    ...register('filled last'),
  ];
  const ports = new Set(desired.listeners.map(({ port }) => port));
  const listeners = (standing?.listeners ?? []).filter(({ port }) => ports.has(port));
  const tags = [
    ...(standing === undefined ? [] : planElbTags(behalf, { kind: 'load balancer', ...standing })),
    ...kept.flatMap((pool) => planElbTags(behalf, { kind: 'target group', ...pool })),
    ...listeners.flatMap((listener) =>
      planElbTags(behalf, { kind: 'listener', name: listenerName(listener), ...listener }),
    ),
  ];
  return { steps: wished, tags };
}

/** Balancers first, since they hold all the rest. Nobody is deregistered: the balancer goes as a whole. */
function planRemoval(
  scope: Scope,
  view: AwsFabricView,
  because = 'nothing is to be left',
): readonly AwsStep[] {
  const { groups, neighbours, balancers, pools } = view.around;
  return [
    ...balancers.flatMap((balancer) => planDeleteBalancer(scope, balancer, because)),
    ...pools.map((pool) => planDeletePool(scope, pool, because, balancers)),
    ...planDeleteGroups(scope, groups, {
      kept: neighbours,
      because,
      waits: balancers.length > 0 ? 'the load balancer is still there' : undefined,
    }),
  ];
}
