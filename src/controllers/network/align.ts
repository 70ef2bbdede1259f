/**
 * Brings what stands around the machines of placements in line with the spec. The placements of a region come together: one
 * balancer may be before them all, in a scope of its own, and stays until what is to take its place does.
 */
import type { Network } from '../../api/network.ts';
import type { FabricGoal, Scope, Step } from '../../clouds/cloud.ts';
import { wholeSeconds } from '../../kube/object.ts';
import { fabricWish } from '../../planning/fabric-wish.ts';
import type { Course } from '../../planning/sharing.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { Aligned } from '../fabrics.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { registryLogins } from '../workload.ts';
import { attempt } from './attempt.ts';
import { conclude } from './conclude.ts';
import { membersOf } from './members.ts';
import type { Memories } from './memory.ts';
import { type Region, regionsOf } from './region.ts';
import { createDecision } from './region-course.ts';
import { createRegionLook, type Look, type SeenRegion, type WithTrouble } from './region-look.ts';
import { isKept, type Site, type SiteTrouble, scopeOf } from './site.ts';

/** What was looked at in this pass is not read again for it. */
const freshMs = 30_000;
const apartRetryMs = 60_000;

/** Whether nothing was changed since the scope was looked at that may count for it. */
interface Later extends Look {
  readonly isFresh: boolean;
}

export function createAlignment(options: Shared, memories: Memories, withTrouble: WithTrouble) {
  const { health, fabrics, secrets, clock } = options;
  const observe = createRegionLook(options, memories, withTrouble);
  const decide = createDecision(options);

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
    conclude(fabrics, region, { steps: aligned?.steps ?? [], isFirst, trouble });
    for (const site of region.sites) tellApart(site, seen);
  }

  function alignSite(
    site: Site,
    { region, network, views }: SeenRegion,
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
    seen: SeenRegion,
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
  function sharedScope({ region, views }: SeenRegion, together: readonly Site[]): Scope {
    const known = together.filter((site) => views.get(site)?.network !== undefined);
    const [spec, ...also] = (known.length > 0 ? known : region.sites).map(({ place }) => place.spec);
    return { owner: region.owner, spec, ...(known.length > 1 && { also }) };
  }

  /** Whoever is in it already stays, whatever keeps the placement apart by now. */
  function sharedMembers({ region, inventory: list, shared, apart }: SeenRegion): readonly string[] {
    const isApart = ({ name }: Site) => apart.has(name);
    const among = (sites: readonly Site[]) => membersOf(sites, list, health);
    const staying = among(region.sites.filter(isApart)).filter((id) => shared.members.has(id));
    return [...among(region.sites.filter((site) => !isApart(site))), ...staying];
  }

  function tellApart(site: Site, { network, apart }: SeenRegion): void {
    const message = apart.get(site.name);
    if (message === undefined || network.spec.balancer?.scope !== 'Region') return;
    const facts = { reason: 'CannotShareBalancer', stalled: true, retryAfterMs: apartRetryMs } as const;
    site.trouble ??= { ...facts, message, waitMs: apartRetryMs };
  }

  return align;
}

/** What there would be to do if it were to go now. */
function putOff({ session }: OpenSession, goal: FabricGoal, { view, steps }: Aligned): readonly Step[] {
  const isPlanned = ({ verb, kind, name }: Step) =>
    steps.some((step) => step.verb === verb && step.kind === kind && step.name === name);
  return session.fabric
    .plan(goal, view)
    .filter((step) => !isPlanned(step))
    .map((step) => ({ ...step, waits: 'the balancer that takes its place does not serve all yet' }));
}
