import type { Step } from '../../clouds/cloud.ts';
import type { Shared } from '../shared.ts';
import { attempt } from './attempt.ts';
import { conclude } from './conclude.ts';
import type { Memories } from './memory.ts';
import { type Region, regionsOf } from './region.ts';
import type { Look, WithTrouble } from './region-look.ts';
import { type Site, scopeOf } from './site.ts';

export function createClearing(
  { fabrics }: Pick<Shared, 'fabrics'>,
  memories: Memories,
  withTrouble: WithTrouble,
) {
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
    conclude(fabrics, region, { steps, isFirst: false, trouble });
  }

  return clear;
}
