/** One scope's part of the snapshot, as the planner and the status want it. */
import type { FabricView, MemberHealth, Scope } from '../../cloud.ts';
import type { AwsFabricView, FoundBalancer, FoundListener, FoundPool, Group, Tags } from './found.ts';
import { couldBeOurs, namesOf, scopeKey } from './names.ts';
import { joinNetworks, type NetworkAnswer } from './network.ts';
import type { Asker } from './part.ts';
import { listenerName } from './plan-listeners.ts';
import { isCode, notNow } from './refusals.ts';
import { allSettingsOf } from './settings.ts';
import { candidates, type Snapshot } from './snapshot.ts';

/** Brings the snapshot to the age asked for, and reads from it. */
export async function look(
  snapshot: Snapshot,
  scope: Scope,
  options: { readonly maxAgeMs: number; readonly asker: Asker; readonly now: () => number },
): Promise<AwsFabricView> {
  const { maxAgeMs, asker, now } = options;
  const [networks] = await Promise.all([
    Promise.all(allSettingsOf(scope).map((settings) => snapshot.network(settings, maxAgeMs, asker))),
    refreshLists(snapshot, maxAgeMs, asker),
  ]);
  await refreshDetails(snapshot, scope, maxAgeMs, asker);
  return viewOf(snapshot, scope, joinNetworks(networks), now());
}

/** The lists of the region, and whose each of the resources is. */
export async function refreshLists(snapshot: Snapshot, maxAgeMs: number, asker: Asker): Promise<void> {
  const { groups, balancers, pools } = snapshot;
  await Promise.all([groups, balancers, pools].map((part) => part.ensure(maxAgeMs, asker)));
  snapshot.prune();
  const known = snapshot.tagged.rows();
  if (candidates(snapshot).some(({ arn }) => !known.has(arn))) snapshot.tagged.expire();
  await snapshot.tagged.ensure(maxAgeMs, asker);
}

async function refreshDetails(
  snapshot: Snapshot,
  scope: Scope,
  maxAgeMs: number,
  asker: Asker,
): Promise<void> {
  await whileNothingVanishes(snapshot, asker, async () => {
    const { balancers, pools } = ownedBy(snapshot, scope);
    await Promise.all(
      [
        ...balancers.flatMap(({ arn }) => [snapshot.listeners(arn), snapshot.balancerAttributes(arn)]),
        ...pools.flatMap(({ arn }) => [snapshot.poolAttributes(arn), snapshot.targets(arn)]),
      ].map((part) => part.ensure(maxAgeMs, asker)),
    );
    const listeners = balancers.flatMap(({ arn }) => Array.from(snapshot.listeners(arn).rows().keys()));
    await snapshot.learnTags(listeners, asker);
  });
}

/**
 * Between a list and the questions about what is in it, somebody may remove one of them: list again, and ask once more.
 * What is listed and still unknown is too young to be asked about.
 */
async function whileNothingVanishes(
  snapshot: Snapshot,
  asker: Asker,
  ask: () => Promise<void>,
): Promise<void> {
  try {
    await ask();
  } catch (thrown) {
    if (!isCode(thrown, 'notFound')) throw thrown;
    const lists = [snapshot.balancers, snapshot.pools];
    for (const part of lists) part.expire();
    await Promise.all(lists.map((part) => part.ensure(0, asker)));
    snapshot.prune();
    await ask().catch((again: unknown) => {
      if (!isCode(again, 'notFound')) throw again;
      throw notNow(again);
    });
  }
}

function ownedBy(snapshot: Snapshot, scope: Scope) {
  const key = scopeKey(scope.owner);
  const tagged = snapshot.tagged.rows();
  const isOurs = ({ arn }: { readonly arn: string }): boolean => {
    const owner = tagged.get(arn)?.owner;
    return owner !== undefined && owner !== 'other' && scopeKey(owner) === key;
  };
  return {
    groups: Array.from(snapshot.groups.rows().values())
      .filter(({ owner }) => owner !== undefined && scopeKey(owner) === key)
      .sort(byName),
    balancers: Array.from(snapshot.balancers.rows().values()).filter(isOurs).sort(byName),
    pools: Array.from(snapshot.pools.rows().values()).filter(isOurs).sort(byName),
  };
}

function neighboursOf(snapshot: Snapshot, { owner: { network, ...owner } }: Scope): readonly Group[] {
  if (network === undefined) return [];
  const key = scopeKey({ network, ...owner });
  return Array.from(snapshot.groups.rows().values())
    .filter(({ owner: whose }) => whose?.network === network && scopeKey(whose) !== key)
    .sort(byName);
}

function viewOf(snapshot: Snapshot, scope: Scope, answer: NetworkAnswer, now: number): AwsFabricView {
  const owned = ownedBy(snapshot, scope);
  const tagsOf = (arn: string): Tags | undefined => snapshot.tagged.rows().get(arn)?.tags;
  const balancers = owned.balancers.map(
    (balancer): FoundBalancer => ({
      ...balancer,
      attributes: snapshot.balancerAttributes(balancer.arn).rows(),
      tags: tagsOf(balancer.arn) ?? new Map(),
      listeners: Array.from(snapshot.listeners(balancer.arn).rows().values(), (listener): FoundListener => {
        const tags = tagsOf(listener.arn);
        return { ...listener, ...(tags === undefined ? {} : { tags }) };
      }).sort((a, b) => a.port - b.port),
    }),
  );
  const pools = owned.pools.map(
    (pool): FoundPool => ({
      ...pool,
      attributes: snapshot.poolAttributes(pool.arn).rows(),
      tags: tagsOf(pool.arn) ?? new Map(),
      targets: Array.from(snapshot.targets(pool.arn).rows().values()),
      refused: new Set(snapshot.refused(pool.arn)),
    }),
  );
  const names = namesOf(scope.owner);
  const network = 'network' in answer ? answer.network : undefined;
  const attachment = attachmentOf(owned.groups, names.nodesGroup, network);
  const balancer = balancers.find(({ name }) => name === names.balancer);
  return {
    ageMs: now - oldest(snapshot, owned),
    ...(attachment === undefined ? {} : { attachment }),
    ...('trouble' in answer
      ? { trouble: answer.trouble }
      : { network: { id: answer.network.vpcId, found: answer.found } }),
    ...(balancer === undefined
      ? {}
      : {
          balancer: {
            id: balancer.arn,
            address: balancer.dnsName,
            active: balancer.state === 'active' || balancer.state === 'active_impaired',
          },
        }),
    members: membersOf(pools),
    pools: pools.length,
    resources: resourcesOf(owned.groups, balancers, pools),
    around: {
      ...(network === undefined ? {} : { network }),
      groups: owned.groups,
      neighbours: neighboursOf(snapshot, scope),
      balancers,
      pools,
      taken: {
        balancers: othersNames(snapshot, snapshot.balancers.rows(), owned.balancers),
        pools: othersNames(snapshot, snapshot.pools.rows(), owned.pools),
      },
    },
  };
}

function attachmentOf(
  groups: readonly Group[],
  name: string,
  network: AwsFabricView['around']['network'],
): FabricView['attachment'] {
  const group = groups.find((one) => one.name === name && one.vpcId === network?.vpcId);
  if (group === undefined || network === undefined) return undefined;
  return { zones: network.subnets.map(({ zone, id }) => ({ zone, at: id })), firewalls: [group.id] };
}

/** From worst to best. */
const HEALTHS = [
  'unhealthy',
  'unused',
  'draining',
  'initial',
  'healthy',
] as const satisfies readonly MemberHealth[];

function membersOf(pools: readonly FoundPool[]): FabricView['members'] {
  const members = new Map<string, { health: MemberHealth; reason?: string; pools: number }>();
  for (const pool of pools) {
    const seen = new Set<string>();
    for (const { id, health, reason } of pool.targets) {
      const known = members.get(id);
      const listed = (known?.pools ?? 0) + (seen.has(id) ? 0 : 1);
      seen.add(id);
      const worse = known === undefined || HEALTHS.indexOf(health) < HEALTHS.indexOf(known.health);
      members.set(
        id,
        worse || known === undefined
          ? { health, ...(reason === undefined ? {} : { reason }), pools: listed }
          : { ...known, pools: listed },
      );
    }
  }
  return members;
}

function resourcesOf(
  groups: readonly Group[],
  balancers: readonly FoundBalancer[],
  pools: readonly FoundPool[],
): FabricView['resources'] {
  return [
    ...groups.map(({ name, id }) => ({ kind: 'security group', name, id })),
    ...balancers.flatMap(({ name, arn, listeners }) => [
      { kind: 'load balancer', name, id: arn },
      ...listeners.map((listener) => ({ kind: 'listener', name: listenerName(listener), id: listener.arn })),
    ]),
    ...pools.map(({ name, arn }) => ({ kind: 'target group', name, id: arn })),
  ];
}

/** Of what nobody has told us whose it is, nothing is said. */
function othersNames(
  snapshot: Snapshot,
  rows: ReadonlyMap<string, { readonly arn: string; readonly name: string }>,
  owned: readonly { readonly arn: string }[],
): ReadonlySet<string> {
  const ours = new Set(owned.map(({ arn }) => arn));
  const tagged = snapshot.tagged.rows();
  const others = Array.from(rows.values()).filter(
    (row) => couldBeOurs(row.name) && !ours.has(row.arn) && tagged.has(row.arn),
  );
  return new Set(others.map((row) => row.name));
}

/** The network does not count: what is taken from it does not change. */
function oldest(snapshot: Snapshot, owned: ReturnType<typeof ownedBy>): number {
  const parts = [
    snapshot.groups,
    snapshot.balancers,
    snapshot.pools,
    snapshot.tagged,
    ...owned.balancers.flatMap(({ arn }) => [snapshot.listeners(arn), snapshot.balancerAttributes(arn)]),
    ...owned.pools.flatMap(({ arn }) => [snapshot.poolAttributes(arn), snapshot.targets(arn)]),
  ];
  return Math.min(...parts.map((part) => part.readAt() ?? 0));
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;
