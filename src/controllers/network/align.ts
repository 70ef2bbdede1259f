/**
 * Brings what stands around the machines of placements in line with the spec. The placements of a region come together: one
 * balancer may be before them all, in a scope of its own, and stays until what is to take its place does.
 */
import type { Network } from '../../api/network.ts';
import type { FabricGoal, FabricView, Scope, Step } from '../../clouds/cloud.ts';
import { keyOf, wholeSeconds } from '../../kube/object.ts';
import { fabricWish } from '../../planning/fabric-wish.ts';
import { machinesOf } from '../../planning/machine.ts';
import { type Course, courseOf, hasTakenOver, keptApart, type Takeover } from '../../planning/sharing.ts';
import type { Backoff } from '../backoff.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { Aligned } from '../fabrics.ts';
import type { Health } from '../health.ts';
import type { RegionInventory } from '../inventory.ts';
import { readableRecordOf } from '../launch/record.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { troubleOf } from '../trouble.ts';
import { registryLogins } from '../workload.ts';
import type { Memories, Memory } from './memory.ts';
import { type Region, regionsOf } from './region.ts';
import { type Site, type SiteTrouble, scopeOf } from './site.ts';

/** A balancer outlives its last node by this, so that scaling to zero and back keeps its address. */
const emptyGraceMs = 60_000;
/** What was looked at in this pass is not read again for it. */
const freshMs = 30_000;
const apartRetryMs = 60_000;

export interface Look {
  readonly maxAgeMs: number;
  /** Only look and plan. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Whether nothing was changed since the scope was looked at that may count for it. */
interface Later extends Look {
  readonly isFresh: boolean;
}

/** A region in one pass, with what was seen there. */
interface Seen {
  readonly region: Region;
  readonly network: Network;
  readonly memory: Memory;
  /** By which the shared balancer is reached, and what runs there. */
  readonly open: OpenSession;
  readonly inventory: RegionInventory;
  /** Around each placement by itself; of those that could be looked at. */
  readonly views: ReadonlyMap<Site, FabricView>;
  readonly shared: FabricView;
  /** The cloud member by which the shared balancer was looked at. */
  readonly lookedBy: unknown;
  /** Why they cannot be behind the shared balancer, by name. */
  readonly apart: ReadonlyMap<string, string>;
}

export function createAlignment(
  { inventory, health, fabrics, secrets, clock }: Shared,
  memories: Memories,
  withTrouble: (site: Site, work: () => Promise<void>) => Promise<void>,
) {
  async function align(sites: readonly Site[], network: Network, look: Look): Promise<void> {
    const order = network.spec.placements.map(({ name }) => name);
    await Promise.all(regionsOf(sites, order).map((region) => alignRegion(region, network, look)));
  }

  async function alignRegion(region: Region, network: Network, look: Look): Promise<void> {
    const seen = await observe(region, network, look);
    if (seen === undefined) return;
    const course = decide(seen);
    for (const [name, { front }] of course.places)
      for (const site of region.sites)
        if (site.name === name) fabrics.share(scopeKeyOf(site.owner), { region: region.key, front });
    const later = { ...look, maxAgeMs: Math.max(look.maxAgeMs, freshMs), isFresh: true };
    const forSites = (how: Later) =>
      Promise.all(region.sites.map((site) => alignSite(site, seen, course, how)));
    const isFirst = (course.shared === 'yes') !== region.shareAddress;
    if (!isFirst) await forSites(later);
    const hasMoved = region.sites.some(({ aligned }) => aligned !== undefined && aligned.ran.length > 0);
    const { trouble, aligned } = await alignShared(seen, course, { ...later, isFresh: !hasMoved });
    if (isFirst) await forSites({ ...later, isFresh: trouble === undefined && aligned?.ran.length === 0 });
    conclude(region, { steps: aligned?.steps ?? [], isFirst, trouble });
    for (const site of region.sites) tellApart(site, seen);
  }

  /** Undefined where there is nobody by whom to look. */
  async function observe(
    region: Region,
    network: Network,
    { maxAgeMs, signal }: Look,
  ): Promise<Seen | undefined> {
    const memory = memories.of(region.owner.network ?? '');
    for (const { owner } of region.sites) fabrics.share(scopeKeyOf(owner), { region: region.key });
    const views = new Map<Site, FabricView>();
    const looks = region.sites.map((site) =>
      withTrouble(site, async () => {
        const { open } = site;
        if (open === undefined || !isRead(site, open)) return;
        views.set(site, await fabrics.look({ open, scope: scopeOf(site), maxAgeMs, signal }));
      }),
    );
    const first = region.sites.find(({ open, region: list }) => open !== undefined && list !== undefined);
    const { open, region: list } = first ?? {};
    let shared: FabricView | undefined;
    const trouble =
      first === undefined || open === undefined
        ? undefined
        : await attempt(memory.troubles, region.key, async () => {
            const scope = { owner: region.owner, spec: first.place.spec };
            shared = await fabrics.look({ open, scope, maxAgeMs, signal });
          });
    await Promise.all(looks);
    if (trouble !== undefined) conclude(region, { steps: [], isFirst: true, trouble });
    if (open === undefined || list === undefined || shared === undefined) return undefined;
    const sharers = region.sites.filter(isKept).map((site) => {
      const id = views.get(site)?.network?.id;
      return { name: site.name, spec: site.place.spec, ...(id !== undefined && { network: id }) };
    });
    const facts = { region, network, memory, open, inventory: list, lookedBy: first?.place.spec };
    return { ...facts, views, shared, apart: keptApart(sharers) };
  }

  function isRead({ region }: Site, open: OpenSession): boolean {
    if (region !== undefined) return true;
    const { failure } = inventory.of(open);
    if (failure === undefined) return false;
    throw failure;
  }

  function decide({ region, network, memory, views, shared, apart }: Seen): Course {
    const { balancer } = network.spec;
    const places = region.sites.flatMap((site) => {
      const view = views.get(site);
      if (view === undefined) return [];
      const [next, before] = balancer?.scope === 'Region' ? [shared, view] : [view, shared];
      const isOver = hasTakenOver(next, before, membersOf([site], site.region, health));
      return [
        {
          name: site.name,
          isDue: isKept(site) && isDue(memory, site.name, [site]),
          stands: view.balancer !== undefined,
          isApart: apart.has(site.name),
          takeover: takeoverOf(memory, site.name, { isOver, drainMs: (balancer?.drainSeconds ?? 0) * 1000 }),
        },
      ];
    });
    return courseOf({
      scope: balancer?.scope,
      shareAddress: region.shareAddress,
      shared: {
        isDue: region.sites.some(isKept) && isDue(memory, region.key, region.sites),
        stands: shared.balancer !== undefined,
      },
      places,
    });
  }

  /** A balancer comes with the first node, and goes a while after the last. */
  function isDue({ emptySince }: Memory, key: string, sites: readonly Site[]): boolean {
    if (sites.some(({ desired, nodes }) => desired > 0 || nodes.length > 0)) {
      emptySince.set(key, clock.monotonic());
      return true;
    }
    const since = emptySince.get(key);
    return since !== undefined && clock.monotonic() - since < emptyGraceMs;
  }

  /** Who connects to the old one is given the time that connections have when a node leaves. */
  function takeoverOf(
    { takenOverSince }: Memory,
    name: string,
    { isOver, drainMs }: { readonly isOver: boolean; readonly drainMs: number },
  ): Takeover {
    if (!isOver) {
      takenOverSince.delete(name);
      return 'under way';
    }
    const since = takenOverSince.get(name) ?? clock.monotonic();
    takenOverSince.set(name, since);
    return clock.monotonic() - since < drainMs ? 'serving' : 'done';
  }

  function alignSite(
    site: Site,
    { region, network, views }: Seen,
    { places }: Course,
    { maxAgeMs, dryRun, isFresh, signal }: Later,
  ): Promise<void> {
    return withTrouble(site, async () => {
      const { open } = site;
      const course = places.get(site.name);
      const view = views.get(site);
      if (open === undefined || course === undefined || view === undefined) return;
      const scope = scopeOf(site);
      const wish = (balanced: boolean): FabricGoal =>
        isKept(site)
          ? fabricWish({
              scope,
              spec: network.spec,
              members: membersOf([site], site.region, health),
              balanced,
              servedBy: course.isServed ? region.owner : undefined,
            })
          : { scope, goal: 'nothing' };
      const logins = registryLogins(network, secrets);
      const request = { open, view: isFresh ? view : undefined, maxAgeMs, dryRun, logins, signal };
      const found = await fabrics.align({ ...request, goal: wish(course.own !== 'no') });
      const toGo = course.own === 'until taken over' ? putOff(open, wish(false), found) : [];
      site.aligned = { ...found, steps: [...found.steps, ...toGo] };
      site.observedAt = wholeSeconds(clock.now() - found.view.ageMs);
      // What is to go, goes without a network to put it in.
      if (found.view.trouble !== undefined && isKept(site)) throw found.view.trouble;
    });
  }

  async function alignShared(
    seen: Seen,
    { shared: stay }: Course,
    { maxAgeMs, dryRun, isFresh, signal }: Later,
  ): Promise<{ readonly aligned?: Aligned; readonly trouble?: SiteTrouble }> {
    const { region, network, memory, open, lookedBy, apart } = seen;
    const held = memory.troubles.of(region.key);
    if (held !== undefined && held.waitMs > 0) return { trouble: { ...held.trouble, waitMs: held.waitMs } };
    const { owner, sites } = region;
    const together = sites.filter((site) => isKept(site) && !apart.has(site.name));
    const scope = sharedScope(seen, together);
    const members = sharedMembers(seen);
    const wish = (balanced: boolean): FabricGoal =>
      sites.some(isKept)
        ? fabricWish({ scope, spec: network.spec, members, balanced })
        : { scope: { owner, spec: scope.spec }, goal: 'nothing' };
    let aligned: Aligned | undefined;
    const trouble = await attempt(memory.troubles, region.key, async () => {
      // One of several cannot tell what network they have together.
      const isSame = isFresh && scope.also === undefined && scope.spec === lookedBy;
      const view = isSame ? seen.shared : undefined;
      const logins = registryLogins(network, secrets);
      const look = { open, view, maxAgeMs, dryRun, logins, signal };
      const found = await fabrics.align({ ...look, goal: wish(stay !== 'no') });
      const toGo = stay === 'until taken over' ? putOff(open, wish(false), found) : [];
      aligned = { ...found, steps: [...found.steps, ...toGo] };
      if (found.view.trouble !== undefined && stay !== 'no') throw found.view.trouble;
    });
    if (trouble === undefined) memory.troubles.forget(region.key);
    return { ...(aligned && { aligned }), ...(trouble && { trouble }) };
  }

  /** Of those whose network is known: it is what a balancer is put into. */
  function sharedScope({ region, views }: Seen, together: readonly Site[]): Scope {
    const known = together.filter((site) => views.get(site)?.network !== undefined);
    const [spec, ...also] = (known.length > 0 ? known : region.sites).map(({ place }) => place.spec);
    return { owner: region.owner, spec, ...(known.length > 1 && { also }) };
  }

  /** Whoever is in it already stays, whatever keeps the placement apart by now. */
  function sharedMembers({ region, inventory: list, shared, apart }: Seen): readonly string[] {
    const isApart = ({ name }: Site) => apart.has(name);
    const among = (sites: readonly Site[]) => membersOf(sites, list, health);
    const staying = among(region.sites.filter(isApart)).filter((id) => shared.members.has(id));
    return [...among(region.sites.filter((site) => !isApart(site))), ...staying];
  }

  /** What was done for all of a region is told with the first of its placements; what stands in the way, with all that want it. */
  function conclude(
    { sites }: Region,
    {
      steps,
      isFirst,
      trouble,
    }: {
      readonly steps: readonly Step[];
      readonly isFirst: boolean;
      readonly trouble: SiteTrouble | undefined;
    },
  ): void {
    const host = sites.find(({ aligned }) => aligned !== undefined);
    for (const site of sites) {
      const { owner, aligned } = site;
      if (aligned === undefined) continue;
      const more = site === host ? steps : [];
      site.aligned = {
        ...aligned,
        view: fabrics.lastView(scopeKeyOf(owner)) ?? aligned.view,
        steps: isFirst ? [...more, ...aligned.steps] : [...aligned.steps, ...more],
      };
    }
    if (trouble === undefined) return;
    const wishing = sites.filter(({ wished }) => wished);
    for (const site of wishing.length > 0 ? wishing : sites) site.trouble ??= trouble;
  }

  function tellApart(site: Site, { network, apart }: Seen): void {
    const message = apart.get(site.name);
    if (message === undefined || network.spec.balancer?.scope !== 'Region') return;
    const facts = { reason: 'CannotShareBalancer', stalled: true, retryAfterMs: apartRetryMs } as const;
    site.trouble ??= { ...facts, message, waitMs: apartRetryMs };
  }

  /** Takes it all away, or our tag off it: what is a placement's first, since it may refer to what is shared. */
  async function clear(
    sites: readonly Site[],
    goal: 'nothing' | 'released',
    { maxAgeMs, dryRun, signal }: Look,
  ): Promise<void> {
    const request = { maxAgeMs, dryRun, signal };
    await Promise.all(
      sites.map((site) =>
        withTrouble(site, async () => {
          const { open } = site;
          if (open === undefined) return;
          const scope = scopeOf(site);
          site.aligned = await fabrics.align({ ...request, open, goal: { scope, goal } });
        }),
      ),
    );
    await Promise.all(regionsOf(sites).map((region) => clearShared(region, goal, request)));
  }

  async function clearShared(region: Region, goal: 'nothing' | 'released', look: Look): Promise<void> {
    const { troubles } = memories.of(region.owner.network ?? '');
    const first = region.sites.find(({ open }) => open !== undefined);
    const { open } = first ?? {};
    if (first === undefined || open === undefined) return;
    const held = troubles.of(region.key);
    let steps: readonly Step[] = [];
    const trouble =
      held !== undefined && held.waitMs > 0
        ? { ...held.trouble, waitMs: held.waitMs }
        : await attempt(troubles, region.key, async () => {
            const scope = { owner: region.owner, spec: first.place.spec };
            ({ steps } = await fabrics.align({ ...look, open, goal: { scope, goal } }));
          });
    if (trouble === undefined) troubles.forget(region.key);
    conclude(region, { steps, isFirst: false, trouble });
  }

  return { align, clear };
}

/** Runs `work`; answers what a cloud or a credential has against it. */
export async function attempt(
  troubles: Backoff,
  key: string,
  work: () => Promise<void>,
): Promise<SiteTrouble | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const trouble = troubleOf(error, troubles.failures(key));
    if (trouble === undefined) throw error;
    troubles.fail(key, trouble);
    return { ...trouble, waitMs: trouble.retryAfterMs };
  }
}

const isKept = ({ wished, nodes }: Site): boolean => wished || nodes.length > 0;

/** What there would be to do if it were to go now. */
function putOff({ session }: OpenSession, goal: FabricGoal, { view, steps }: Aligned): readonly Step[] {
  const isPlanned = ({ verb, kind, name }: Step) =>
    steps.some((step) => step.verb === verb && step.kind === kind && step.name === name);
  return session.fabric
    .plan(goal, view)
    .filter((step) => !isPlanned(step))
    .map((step) => ({ ...step, waits: 'the balancer that takes its place does not serve all yet' }));
}

/** Who is unwell is left out, unless nobody would be left: a balancer that finds nobody serves nobody. */
function membersOf(sites: readonly Site[], region: RegionInventory | undefined, health: Health): string[] {
  const running = sites
    .flatMap(({ nodes }) => nodes)
    .flatMap((seen) => {
      const record = readableRecordOf(seen);
      if (record === undefined || seen.metadata.deletionTimestamp !== undefined || !seen.parsed.ok) return [];
      const { machine } = machinesOf(
        record,
        seen.parsed.value.status.machine?.id,
        region?.launchedBy(record.token) ?? [],
      );
      if (machine?.state !== 'running') return [];
      return [{ id: machine.id, isWell: health.of(keyOf(seen.metadata))?.health !== 'unhealthy' }];
    });
  const well = running.filter(({ isWell }) => isWell);
  return (well.length > 0 ? well : running).map(({ id }) => id);
}
