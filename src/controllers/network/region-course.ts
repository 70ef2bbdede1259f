/** Which balancers a region is to have from now on, by what was seen there and for how long. */
import { type Course, courseOf, hasTakenOver, type Takeover } from '../../planning/sharing.ts';
import type { Shared } from '../shared.ts';
import { membersOf } from './members.ts';
import type { Memory } from './memory.ts';
import type { SeenRegion } from './region-look.ts';
import { isKept, type Site } from './site.ts';

/** A balancer outlives its last node by this, so that scaling to zero and back keeps its address. */
const emptyGraceMs = 60_000;

export function createDecision({ health, clock }: Pick<Shared, 'health' | 'clock'>) {
  function decide({ region, network, memory, views, shared, apart }: SeenRegion): Course {
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

  return decide;
}
