import type { Owner } from '../clouds/cloud.ts';
import { type KubeObject, keyOf } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';
import { planSweep } from '../planning/sweep.ts';
import { describeError } from '../runtime/errors.ts';
import { scopeKeyOf } from './belonging.ts';
import type { RegionInventory } from './inventory.ts';
import { notedRegions, type OpenSession } from './sessions.ts';
import type { Shared } from './shared.ts';
import { type Claims, claimsOf } from './sweep-claims.ts';

export interface SweepOptions extends Shared {
  /** Absent: all. What belongs to other namespaces is another operator's. */
  readonly watchNamespaces: readonly string[] | undefined;
  readonly graceMs: number;
  readonly intervalMs: number;
}

const hourMs = 3_600_000;

/** A region in one sweep. */
interface Place {
  readonly region: RegionInventory;
  /** On whose behalf things are removed. */
  readonly open: OpenSession;
  /** By all CloudCredentials that noted it. */
  readonly opens: readonly OpenSession[];
  /** What is removed. */
  readonly what: string[];
}

interface Unclaimed {
  /** By machine id. */
  readonly machines: ReadonlyMap<string, number>;
  /** Surroundings, by scope key. */
  readonly scopes: ReadonlyMap<string, number>;
}

/**
 * Looks for machines and surroundings with our cluster tag and no object behind them, and removes them after a grace time.
 * The cloud is listed first and the cluster, live, second: what was made in between has its object in the second list.
 * What cannot be looked at, or removed, holds up nothing else.
 */
export function createSweep(options: SweepOptions) {
  const { networks, networkResource, nodes, nodeResource, credentials } = options;
  const { sessions, inventory, fabrics, remover, events, sweepHolds } = options;
  const { watchNamespaces, graceMs, intervalMs, paused, clock, logger, metrics } = options;
  /** Since when (monotonic) nobody has claimed what was found in a region; what is not found any more is forgotten. */
  const unclaimed = new Map<string, Unclaimed>();
  let removals: number[] = [];
  /** What stood in the way of the last sweep, by what it befell. */
  let told = new Map<string, string>();
  let toldBefore = told;

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal).catch(() => {});
      if (signal.aborted || paused) continue;
      await apart('sweep', signal, () => once(signal));
    }
  }

  async function once(signal: AbortSignal): Promise<void> {
    if (!networks.synced || !nodes.synced || !credentials.synced) return;
    toldBefore = told;
    told = new Map();
    const swept = new Map<string, string[]>();
    for (const [region, opens] of await openNotedRegions(signal))
      await apart(region.key, signal, async () => {
        const [open] = opens;
        if (open === undefined) return;
        const what = swept.get(open.credential) ?? [];
        swept.set(open.credential, what);
        await sweepRegion({ region, open, opens, what }, signal);
      });
    for (const [credential, what] of swept) tellSwept(credential, what);
  }

  function tellSwept(credential: string, what: readonly string[]): void {
    const regarding = credentials.get(credential);
    if (regarding === undefined || what.length === 0) return;
    const note = `removed ${what.length} without an object: ${what.join(', ')}`;
    events.event({ regarding, type: 'Warning', reason: 'Swept', action: 'Sweep', note });
  }

  /** Runs `work`; what it meets goes no further, and is logged when it reads differently than in the last sweep. */
  async function apart(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      const words = describeError(error);
      if (toldBefore.get(what) !== words) logger.warn({ of: what, error: words }, 'sweep left something out');
      told.set(what, words);
    }
  }

  /** Regions that nothing uses any more can still hold what was left behind. */
  async function openNotedRegions(
    signal: AbortSignal,
  ): Promise<ReadonlyMap<RegionInventory, readonly OpenSession[]>> {
    const opened = new Map<RegionInventory, OpenSession[]>();
    for (const credential of credentials.list()) {
      if (!credential.parsed.ok) continue;
      const key = keyOf(credential.metadata);
      await apart(key, signal, async () => {
        for (const region of notedRegions(credential))
          await apart(`${key} ${region}`, signal, async () => {
            const open = await sessions.openFor(credential, region, signal);
            const list = inventory.of(open);
            opened.set(list, [...(opened.get(list) ?? []), open]);
          });
      });
    }
    return opened;
  }

  async function sweepRegion(place: Place, signal: AbortSignal): Promise<void> {
    const { region, open } = place;
    const before = region.readAt;
    await region.read(signal);
    if (region.readAt === before) return;
    let owners: readonly Owner[] = [];
    await apart(`${region.key} surroundings`, signal, async () => {
      owners = await open.session.fabric.owners(signal);
    });
    const [liveNetworks, liveNodes] = await Promise.all([
      listLive(networkResource, signal),
      listLive(nodeResource, signal),
    ]);
    const claims = claimsOf(liveNetworks, liveNodes);
    await sweepMachines(place, claims);
    await sweepFabric(place, { claims, owners: owners.filter(isOurs) }, signal);
  }

  async function sweepMachines({ region, open, opens, what }: Place, claims: Claims): Promise<void> {
    const { machines: orphanedSince } = unclaimedIn(region);
    const now = clock.monotonic();
    removals = removals.filter((at) => now - at < hourMs);
    const plan = planSweep({
      machines: region.all().filter(({ owner }) => isOurs(owner)),
      isClaimed: claims.isClaimed,
      orphanedSince,
      now,
      graceMs,
      removedLastHour: removals.length,
    });
    unclaimed.set(region.key, { ...unclaimedIn(region), machines: plan.orphanedSince });
    const { cloud } = open;
    const keys = opens.map(({ credential }) => credential);
    sweepHolds.note({ cloud, region: region.key, credentials: keys, held: plan.held });
    if (plan.held > 0)
      logger.warn(
        { region: region.key, held: plan.held },
        'more machines without an object than one hour may remove',
      );
    const outcomes = await Promise.all(
      plan.remove.map(async ({ id }) => ({ id, refusal: await remover.carryOut({ region, open, id }) })),
    );
    for (const { id, refusal } of outcomes) {
      // It is tried again in the next sweep.
      if (refusal !== undefined) continue;
      removals.push(now);
      what.push(`machine ${id}`);
      metrics.sweepRemoved.inc({ cloud });
      logger.warn({ region: region.key, machine: id }, 'swept a machine without an object');
    }
  }

  async function sweepFabric(
    { region, open, what }: Place,
    { claims, owners }: { readonly claims: Claims; readonly owners: readonly Owner[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { scopes: before } = unclaimedIn(region);
    const after = new Map<string, number>();
    unclaimed.set(region.key, { ...unclaimedIn(region), scopes: after });
    for (const owner of owners.toSorted(sharedLast)) {
      if ((owner.network ?? owner.node) === undefined || claims.isBacked(owner)) continue;
      const scopeKey = scopeKeyOf(owner);
      const since = before.get(scopeKey) ?? clock.monotonic();
      after.set(scopeKey, since);
      if (clock.monotonic() - since < graceMs || hasMachines(region, owner)) continue;
      const scope = { owner, spec: { region: open.session.region } };
      await apart(`${region.key} ${scopeKey}`, signal, async () => {
        const { ran } = await fabrics.align({
          open,
          goal: { scope, goal: 'nothing' },
          maxAgeMs: 0,
          dryRun: false,
          signal,
        });
        what.push(...ran.map(({ kind, name }) => `${kind} ${name}`));
      });
    }
  }

  function hasMachines(region: RegionInventory, { network, node }: Owner): boolean {
    return region
      .all()
      .some(({ owner, state }) => owner.network === network && owner.node === node && state !== 'terminated');
  }

  function unclaimedIn({ key }: RegionInventory): Unclaimed {
    return unclaimed.get(key) ?? { machines: new Map(), scopes: new Map() };
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

  return { run };
}

/** What placements share is referred to by what is theirs. */
function sharedLast(a: Owner, b: Owner): number {
  return Number(a.region !== undefined) - Number(b.region !== undefined);
}
