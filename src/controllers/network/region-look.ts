/** A region as one pass sees it: what stands around each of its placements, and around all of them together. */
import type { Network } from '../../api/network.ts';
import type { FabricView } from '../../clouds/cloud.ts';
import { keptApart } from '../../planning/sharing.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { RegionInventory } from '../inventory.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { attempt } from './attempt.ts';
import { conclude } from './conclude.ts';
import type { Memories, Memory } from './memory.ts';
import type { Region } from './region.ts';
import { isKept, type Site, scopeOf } from './site.ts';

export interface Look {
  readonly maxAgeMs: number;
  /** Only look and plan. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** A region in one pass, with what was seen there. */
export interface SeenRegion {
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

export type WithTrouble = (site: Site, work: () => Promise<void>) => Promise<void>;

export function createRegionLook(
  { inventory, fabrics }: Pick<Shared, 'inventory' | 'fabrics'>,
  memories: Memories,
  withTrouble: WithTrouble,
) {
  /** Undefined where there is nobody by whom to look. */
  async function observe(
    region: Region,
    network: Network,
    { maxAgeMs, signal }: Look,
  ): Promise<SeenRegion | undefined> {
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
    if (trouble !== undefined) conclude(fabrics, region, { steps: [], isFirst: true, trouble });
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

  return observe;
}
