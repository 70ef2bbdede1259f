import { cloudOf } from '../api/cloud-member.ts';
import { LABELS } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import type { Machine, Owner } from '../clouds/cloud.ts';
import { type KubeObject, keyOf } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';
import { shareReplicas } from '../planning/scale.ts';
import { planSweep } from '../planning/sweep.ts';
import { describeError } from '../runtime/errors.ts';
import { scopeKeyOf } from './belonging.ts';
import type { RegionInventory } from './inventory.ts';
import type { Seen } from './kinds.ts';
import { recordOf } from './launch/record.ts';
import { notedRegions, type OpenSession } from './sessions.ts';
import type { Shared } from './shared.ts';

export interface SweepOptions extends Shared {
  /** Absent: all. What belongs to other namespaces is another operator's. */
  readonly watchNamespaces: readonly string[] | undefined;
  readonly graceMs: number;
  readonly intervalMs: number;
}

const hourMs = 3_600_000;

interface Unclaimed {
  /** By machine id. */
  readonly machines: ReadonlyMap<string, number>;
  /** Surroundings, by scope key. */
  readonly scopes: ReadonlyMap<string, number>;
}

/**
 * Looks for machines and surroundings with our cluster tag and no object behind them, and removes them after a grace time.
 * The cloud is listed first and the cluster, live, second: what was made in between has its object in the second list.
 */
export function createSweep(options: SweepOptions) {
  const {
    networks,
    networkResource,
    nodes,
    nodeResource,
    credentials,
    sessions,
    inventory,
    fabrics,
    remover,
  } = options;
  const { watchNamespaces, graceMs, intervalMs, paused, clock, logger, metrics } = options;
  /** Since when (monotonic) nobody has claimed what was found in a region; what is not found any more is forgotten. */
  const unclaimed = new Map<string, Unclaimed>();
  let removals: number[] = [];

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal).catch(() => {});
      if (signal.aborted || paused) continue;
      try {
        await once(signal);
      } catch (error) {
        if (!signal.aborted) logger.warn({ error: describeError(error) }, 'sweep was not finished');
      }
    }
  }

  async function once(signal: AbortSignal): Promise<void> {
    if (!networks.synced || !nodes.synced || !credentials.synced) return;
    for (const [region, open] of await openNotedRegions(signal)) await sweepRegion(region, open, signal);
  }

  /** Regions that nothing uses any more can still hold what was left behind. */
  async function openNotedRegions(signal: AbortSignal): Promise<ReadonlyMap<RegionInventory, OpenSession>> {
    const opened = new Map<RegionInventory, OpenSession>();
    for (const credential of credentials.list()) {
      if (!credential.parsed.ok) continue;
      for (const region of notedRegions(credential)) {
        try {
          const open = await sessions.openFor(credential, region, signal);
          opened.set(inventory.of(open), open);
        } catch (error) {
          const { name } = cloudOf(credential.parsed.value.spec);
          logger.debug({ cloud: name, region, error: describeError(error) }, 'region could not be swept');
        }
      }
    }
    return opened;
  }

  async function sweepRegion(region: RegionInventory, open: OpenSession, signal: AbortSignal): Promise<void> {
    const before = region.readAt;
    await region.read(signal);
    if (region.readAt === before) return;
    const machines = region.all();
    const owners = await open.session.fabric.owners(signal);
    const [liveNetworks, liveNodes] = await Promise.all([
      listLive(networkResource, signal),
      listLive(nodeResource, signal),
    ]);
    const networkKeys = new Set(liveNetworks.map(({ metadata }) => keyOf(metadata)));
    const nodeKeys = new Set(liveNodes.map(({ metadata }) => keyOf(metadata)));
    const launches = new Set(liveNodes.flatMap(launchKey));
    const recordless = new Set(
      liveNodes.filter((node) => launchKey(node).length === 0).map(({ metadata }) => keyOf(metadata)),
    );
    const wished = new Set(liveNetworks.flatMap(wishedPlacements));
    const populated = new Set(
      liveNodes.flatMap(({ metadata }) => placementKey(metadata.labels, metadata.namespace)),
    );

    const { machines: orphanedSince } = unclaimedIn(region);
    const now = clock.monotonic();
    removals = removals.filter((at) => now - at < hourMs);
    const plan = planSweep({
      machines: machines.filter(({ owner }) => isOurs(owner)),
      isClaimed: (machine) => isClaimed(machine, { launches, wished, populated, recordless }),
      orphanedSince,
      now,
      graceMs,
      removedLastHour: removals.length,
    });
    unclaimed.set(region.key, { ...unclaimedIn(region), machines: plan.orphanedSince });
    const { cloud } = open;
    metrics.sweepHeld.set({ cloud }, plan.held);
    if (plan.held > 0)
      logger.warn(
        { region: region.key, held: plan.held },
        'more machines without an object than one hour may remove',
      );
    for (const { id } of plan.remove) {
      remover.request({ region, open, id });
      removals.push(now);
      metrics.sweepRemoved.inc({ cloud });
      logger.warn({ region: region.key, machine: id }, 'swept a machine without an object');
    }
    await sweepFabric(
      region,
      { open, owners: owners.filter(isOurs), networkKeys, nodeKeys, machines },
      signal,
    );
  }

  async function sweepFabric(
    region: RegionInventory,
    {
      open,
      owners,
      ...known
    }: {
      readonly open: OpenSession;
      readonly owners: readonly Owner[];
      readonly networkKeys: ReadonlySet<string>;
      readonly nodeKeys: ReadonlySet<string>;
      readonly machines: readonly Machine[];
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { scopes: before } = unclaimedIn(region);
    const after = new Map<string, number>();
    unclaimed.set(region.key, { ...unclaimedIn(region), scopes: after });
    for (const owner of owners) {
      const key = owner.network ?? owner.node;
      if (key === undefined) continue;
      const isBacked = owner.network === undefined ? known.nodeKeys.has(key) : known.networkKeys.has(key);
      if (isBacked) continue;
      const scopeKey = scopeKeyOf(owner);
      const since = before.get(scopeKey) ?? clock.monotonic();
      after.set(scopeKey, since);
      if (clock.monotonic() - since < graceMs) continue;
      if (
        known.machines.some(
          ({ owner: of, state }) => (of.network ?? of.node) === key && state !== 'terminated',
        )
      )
        continue;
      const scope = { owner, spec: { region: open.session.region } };
      await fabrics.align({
        open,
        goal: { scope, goal: 'nothing' },
        maxAgeMs: 0,
        dryRun: false,
        signal,
      });
    }
  }

  function unclaimedIn({ key }: RegionInventory): Unclaimed {
    const known = unclaimed.get(key) ?? { machines: new Map(), scopes: new Map() };
    unclaimed.set(key, known);
    return known;
  }

  async function listLive<T extends KubeObject>(
    resource: Resource<T>,
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    const lists = (watchNamespaces ?? [undefined]).map((namespace) => resource.list({ namespace, signal }));
    return (await Promise.all(lists)).flatMap(({ items }) => items);
  }

  function isOurs({ network, node }: Owner): boolean {
    const namespace = (network ?? node)?.split('/', 1)[0];
    return namespace !== undefined && (watchNamespaces === undefined || watchNamespaces.includes(namespace));
  }

  return { run, once };
}

interface Claims {
  /** `token/index` of every Node's launch. */
  readonly launches: ReadonlySet<string>;
  /** Keys of the Nodes without a record: what they launched cannot be told any more. */
  readonly recordless: ReadonlySet<string>;
  /** Placements that should have Nodes. */
  readonly wished: ReadonlySet<string>;
  /** Placements with at least one Node. */
  readonly populated: ReadonlySet<string>;
}

function isClaimed({ owner, launch }: Machine, { launches, recordless, wished, populated }: Claims): boolean {
  if (launch !== undefined && launches.has(`${launch.token}/${launch.index}`)) return true;
  if (owner.node !== undefined) return recordless.has(owner.node);
  // Machines and no Node at all where Nodes are wished for: a restore is under way (NodesMissing).
  const placement = `${owner.network}/${owner.placement}`;
  return owner.network !== undefined && wished.has(placement) && !populated.has(placement);
}

function wishedPlacements({ metadata, parsed }: Seen<Network>): string[] {
  if (!parsed.ok || metadata.deletionTimestamp !== undefined) return [];
  const shares = shareReplicas(parsed.value.spec.placements, parsed.value.spec.replicas);
  return [...shares].flatMap(([name, replicas]) => (replicas > 0 ? [`${keyOf(metadata)}/${name}`] : []));
}

function launchKey(seen: Seen<Node>): string[] {
  const record = recordOf(seen);
  return record === undefined ? [] : [`${record.token}/${record.index}`];
}

function placementKey(labels: Readonly<Record<string, string>> | undefined, namespace: string): string[] {
  const network = labels?.[LABELS.network];
  return network === undefined ? [] : [`${namespace}/${network}/${labels?.[LABELS.placement]}`];
}
