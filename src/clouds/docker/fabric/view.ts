/** One scope's part of the snapshot, as the planner and the status want it. */
import type { ServerStats } from '../../../haproxy/stats.ts';
import { CloudError, type FabricView, type MemberHealth, type Scope } from '../../cloud.ts';
import { type Surroundings, ZONE } from '../describe.ts';
import { isReleased } from '../names.ts';
import { parse } from '../parse.ts';
import { type DockerPlacement, dockerPlacement } from '../schema.ts';
import type { CallOptions } from '../sdk.ts';
import type { ListedContainer, Network, Volume } from '../shapes.ts';
import { LABELS, launchOf, ownerOf } from '../tags.ts';
import { membersIn, readConfig } from './config.ts';
import type { BalancerDetail, DockerFabricView, FoundBalancer } from './found.ts';
import { namesOf, objectOf, scopeKey } from './names.ts';
import { isInternal } from './shape.ts';
import type { Snapshot } from './snapshot.ts';

export interface LookOptions {
  readonly cluster: string;
  readonly surroundings: Surroundings;
  readonly maxAgeMs: number;
  readonly asker: CallOptions;
  readonly now: () => number;
}

/** Brings the snapshot to the age asked for, and reads from it. */
export async function look(
  snapshot: Snapshot,
  scope: Scope,
  options: LookOptions,
): Promise<DockerFabricView> {
  const { maxAgeMs, asker, now } = options;
  await Promise.all([snapshot.networks, snapshot.volumes].map((part) => part.ensure(maxAgeMs, asker)));
  // A volume is there before its container is: whoever looks for volumes without one looks at them first.
  const sinceVolumesMs = Math.max(0, now() - (snapshot.volumes.readAt() ?? 0));
  await snapshot.containers.ensure(Math.min(maxAgeMs, sinceVolumesMs), asker);
  snapshot.prune();
  const running = balancersOf(snapshot, scope).filter(({ State }) => isUp(State));
  await Promise.all(running.map(({ Id }) => snapshot.balancer(Id).ensure(maxAgeMs, asker)));
  return viewOf(snapshot, scope, options);
}

/** One that restarts has a configuration, too. */
const isUp = (state: string): boolean => state === 'running' || state === 'restarting';

/** What carries our label and was not released. */
export function ourContainers(snapshot: Snapshot, cluster: string): readonly ListedContainer[] {
  return (snapshot.containers.value() ?? []).filter(
    ({ Labels, Names }) => ownerOf(Labels)?.cluster === cluster && !isReleased(Names),
  );
}

function balancersOf(snapshot: Snapshot, { owner }: Scope): readonly ListedContainer[] {
  return ourContainers(snapshot, owner.cluster)
    .filter((container) => LABELS.balancer in container.Labels && belongsTo(container, scopeKey(owner)))
    .toSorted((a, b) => a.Created - b.Created);
}

function viewOf(snapshot: Snapshot, scope: Scope, { surroundings, now }: LookOptions): DockerFabricView {
  const spec = parse(dockerPlacement, scope.spec, 'docker');
  const containers = ourContainers(snapshot, scope.owner.cluster);
  const chosen = chooseNetwork(snapshot.networks.value() ?? [], scope, spec);
  const balancers = balancersOf(snapshot, scope).map(
    (container): FoundBalancer & { detail?: BalancerDetail } => {
      const detail = isUp(container.State) ? snapshot.balancer(container.Id).value() : undefined;
      return {
        id: container.Id,
        name: container.Names,
        state: container.State,
        shape: container.Labels[LABELS.balancer] ?? '',
        ...(detail === undefined ? {} : { config: detail.config, draining: detail.draining, detail }),
      };
    },
  );
  const strayVolumes = strays(snapshot.volumes.value() ?? [], snapshot.containers.value() ?? [], scope);
  const [balancer] = balancers;
  const { members, pools } = membersOf(balancer?.detail);
  const { network, trouble } = chosen;
  return {
    ageMs: now() - oldest(snapshot, balancers),
    ...(network === undefined
      ? {}
      : {
          attachment: { zones: [{ zone: ZONE, at: network.Name }], firewalls: [] },
          network: { id: network.Id, found: chosen.found },
        }),
    ...(trouble === undefined ? {} : { trouble }),
    ...(balancer === undefined
      ? {}
      : {
          balancer: {
            id: balancer.id,
            address: isInternal(balancer.shape) ? '127.0.0.1' : surroundings.address,
            active: balancer.state === 'running',
          },
        }),
    members,
    pools,
    resources: [
      ...chosen.own.map(({ Name, Id }) => ({ kind: 'network', name: Name, id: Id })),
      ...balancers.map(({ name, id }) => ({ kind: 'container', name, id })),
      ...strayVolumes.map((name) => ({ kind: 'volume', name, id: name })),
    ],
    around: {
      ...(network === undefined ? {} : { network }),
      ownNetworks: chosen.own.map((own) => attachedTo(own, containers, snapshot, scope)),
      networkTaken: chosen.taken,
      balancers: balancers.map(({ detail: _, ...found }) => found),
      addresses: addressesIn(network, containers),
      strayVolumes,
    },
  };
}

interface Chosen {
  readonly network?: Network;
  /** For people. */
  readonly found: string;
  readonly trouble?: CloudError;
  /** Ours, oldest first; more than one if the engine did not see the first when the second was made. */
  readonly own: readonly Network[];
  readonly taken: boolean;
}

function chooseNetwork(all: readonly Network[], { owner }: Scope, spec: DockerPlacement): Chosen {
  const name = namesOf(owner).network;
  const same = all.filter(({ Name }) => Name === name);
  const own = same
    .filter(({ Labels }) => ownerOf(Labels)?.cluster === owner.cluster)
    .toSorted((a, b) => a.Created.localeCompare(b.Created));
  if (spec.network === undefined) {
    const [network] = own;
    const found = `bridge network ${name}, made for ${objectOf(owner)}`;
    return { ...(network === undefined ? {} : { network }), found, own, taken: same.length > own.length };
  }
  const named = all.filter(({ Name }) => Name === spec.network);
  const [network] = named;
  const found = `network ${spec.network}, by its name`;
  if (named.length === 1 && network !== undefined) return { network, found, own, taken: false };
  return { found, own, taken: false, trouble: networkTrouble(spec.network, named.length) };
}

function networkTrouble(name: string, count: number): CloudError {
  return new CloudError({
    api: 'NetworkList',
    code: count === 0 ? 'notFound' : 'invalid',
    outcome: 'none',
    reason: count === 0 ? 'NetworkNotFound' : 'AmbiguousNetwork',
    message:
      count === 0
        ? `the engine has no network ${name}; make it, or leave docker.network out`
        : `the engine has ${count} networks named ${name}`,
    finding: true,
  });
}

function attachedTo(
  network: Network,
  containers: readonly ListedContainer[],
  snapshot: Snapshot,
  { owner }: Scope,
): DockerFabricView['around']['ownNetworks'][number] {
  const isIn = ({ NetworkSettings }: ListedContainer): boolean => network.Name in NetworkSettings;
  return {
    network,
    ours: containers
      .filter(isIn)
      .map((container) => ({ name: container.Names, inScope: belongsTo(container, scopeKey(owner)) })),
    released: (snapshot.containers.value() ?? []).some(
      (container) => isReleased(container.Names) && isIn(container),
    ),
  };
}

function addressesIn(
  network: Network | undefined,
  containers: readonly ListedContainer[],
): ReadonlyMap<string, string> {
  const addresses = containers.flatMap(({ Id, State, NetworkSettings }) => {
    const address = network === undefined ? undefined : NetworkSettings[network.Name]?.IPAddress;
    return State === 'running' && address ? [[Id, address] as const] : [];
  });
  return new Map(addresses);
}

/**
 * Of machines that were removed by hand, or whose removal was cut short. A volume keeps its labels when its machine is
 * released, which happens when its object goes: whatever is of an earlier one, or of nobody knows which, may hold what
 * somebody counts on.
 */
function strays(
  volumes: readonly Volume[],
  containers: readonly ListedContainer[],
  { owner, uid }: Scope,
): readonly string[] {
  if (uid === undefined) return [];
  const tokens = new Set(containers.map(({ Labels }) => launchOf(Labels)?.token));
  return volumes
    .filter(({ Labels }) => {
      const token = launchOf(Labels)?.token;
      const whose = ownerOf(Labels);
      return (
        token !== undefined &&
        !tokens.has(token) &&
        Labels[LABELS.uid] === uid &&
        whose?.cluster === owner.cluster &&
        scopeKey(whose) === scopeKey(owner)
      );
    })
    .map(({ Name }) => Name)
    .toSorted();
}

/** From worst to best. */
const HEALTHS = ['unhealthy', 'initial', 'healthy'] as const satisfies readonly MemberHealth[];

const HEALTH_OF = {
  up: 'healthy',
  checking: 'initial',
  down: 'unhealthy',
  drain: 'unhealthy',
  maint: 'unhealthy',
} as const satisfies Record<ServerStats['status'], MemberHealth>;

function membersOf(detail: BalancerDetail | undefined): Pick<FabricView, 'members' | 'pools'> {
  if (detail === undefined) return { members: new Map(), pools: 0 };
  const configured = readConfig(detail.config);
  const members = new Map<string, { health: MemberHealth; reason?: string; pools: number }>();
  for (const { id } of detail.draining) members.set(id, { health: 'draining', pools: 0 });
  for (const id of membersIn(configured)) {
    const pools = Array.from(configured.pools).filter(([, servers]) => servers.includes(id));
    const told = pools.map(([pool]) => healthIn(detail.stats, pool, id));
    const worst = told.toSorted((a, b) => HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health))[0];
    members.set(id, { ...(worst ?? { health: 'initial' }), pools: pools.length });
  }
  return { members, pools: configured.pools.size };
}

function healthIn(
  stats: BalancerDetail['stats'],
  pool: string,
  id: string,
): { readonly health: (typeof HEALTHS)[number]; readonly reason?: string } {
  const row = stats?.find((one) => one.pool === pool && one.server === id);
  if (row === undefined) return { health: 'initial' };
  return { health: HEALTH_OF[row.status], ...(row.reason === undefined ? {} : { reason: row.reason }) };
}

function belongsTo({ Labels }: ListedContainer, key: string): boolean {
  const owner = ownerOf(Labels);
  return owner !== undefined && scopeKey(owner) === key;
}

function oldest(snapshot: Snapshot, balancers: readonly FoundBalancer[]): number {
  const parts = [
    snapshot.networks,
    snapshot.volumes,
    snapshot.containers,
    ...balancers.filter(({ state }) => isUp(state)).map(({ id }) => snapshot.balancer(id)),
  ];
  return Math.min(...parts.map((part) => part.readAt() ?? 0));
}
