/** What stands around the machines of a Network's placements. Trouble stays with the placement it befell. */
import type { Network } from '../../api/network.ts';
import type { FabricGoal } from '../../clouds/cloud.ts';
import { fabricWish } from '../../planning/fabric-wish.ts';
import { machinesOf } from '../../planning/machine.ts';
import type { Backoff } from '../backoff.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { RegionInventory } from '../inventory.ts';
import { recordOf } from '../launcher.ts';
import type { Shared } from '../shared.ts';
import { troubleOf } from '../trouble.ts';
import { definitionOf } from './places.ts';
import type { Site } from './site.ts';

/** A balancer outlives its last node by this, so that scaling to zero and back keeps its address. */
const emptyGraceMs = 60_000;

export interface Look {
  readonly maxAgeMs: number;
  /** Only look and plan. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

export function createSurroundings(options: Shared, backoff: Backoff) {
  const { sessions, inventory, fabrics, clock } = options;
  const emptySince = new Map<string, number>();

  /** Runs `work`; what a cloud or a credential has against it becomes the placement's trouble. */
  async function withTrouble(site: Site, work: () => Promise<void>): Promise<void> {
    const key = scopeKeyOf(site.owner);
    try {
      await work();
    } catch (error) {
      const trouble = troubleOf(error, backoff.failures(key));
      if (trouble === undefined) throw error;
      backoff.fail(key, trouble);
      site.trouble = trouble;
    }
  }

  /** Opens the placement's cloud; leaves `open` and `region` on the site, with machines not older than the look asks for. */
  function open(
    site: Site,
    namespace: string,
    { anew = false, signal }: { readonly anew?: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    return withTrouble(site, async () => {
      const { credentialRef, cloud, spec } = site.place;
      const region = definitionOf({ cloud }).regionOf(spec);
      site.open = await sessions.open({ credentialRef, namespace, cloud, region }, signal);
      const list = inventory.of(site.open);
      if (list.readAt === undefined || anew) await list.read(signal);
      if (list.readAt !== undefined) site.region = list;
    });
  }

  /** Brings what stands around the placement's machines in line with the spec. */
  function align(site: Site, network: Network, { maxAgeMs, dryRun, signal }: Look): Promise<void> {
    return withTrouble(site, async () => {
      const { place, owner, wished, open: session, region } = site;
      if (session === undefined || region === undefined) return;
      const scope = { owner, spec: place.spec };
      const goal: FabricGoal =
        wished || site.nodes.length > 0
          ? fabricWish({
              scope,
              spec: network.spec,
              members: membersOf(site, region),
              balanced: isBalanced(site),
            })
          : { scope, goal: 'nothing' };
      site.aligned = await fabrics.align({ open: session, goal, maxAgeMs, dryRun, signal });
      const { trouble } = site.aligned.view;
      if (trouble !== undefined) throw trouble;
      backoff.forget(scopeKeyOf(owner));
    });
  }

  /** Takes it all away, or our tag off it. */
  function clear(
    site: Site,
    goal: 'nothing' | 'released',
    { maxAgeMs, signal }: Omit<Look, 'dryRun'>,
  ): Promise<void> {
    return withTrouble(site, async () => {
      const { place, owner, open: session } = site;
      if (session === undefined) return;
      const scope = { owner, spec: place.spec };
      site.aligned = await fabrics.align({
        open: session,
        goal: { scope, goal },
        maxAgeMs,
        dryRun: false,
        signal,
      });
      backoff.forget(scopeKeyOf(owner));
    });
  }

  /** The balancer comes with the first node, and goes a while after the last. */
  function isBalanced({ desired, nodes: here, owner }: Site): boolean {
    const key = scopeKeyOf(owner);
    if (desired > 0 || here.length > 0) {
      emptySince.set(key, clock.monotonic());
      return true;
    }
    const since = emptySince.get(key);
    return since !== undefined && clock.monotonic() - since < emptyGraceMs;
  }

  return { open, align, clear, withTrouble };
}

function membersOf({ nodes: here }: Site, region: RegionInventory): string[] {
  return here.flatMap((seen) => {
    const record = recordOf(seen);
    if (record === undefined || seen.metadata.deletionTimestamp !== undefined || !seen.parsed.ok) return [];
    const { machine } = machinesOf(
      record,
      seen.parsed.value.status.machine?.id,
      region.launchedBy(record.token),
    );
    return machine?.state === 'running' ? [machine.id] : [];
  });
}

/** Machines of the placement run and none of its Nodes is there: somebody restores the cluster, Nodes last. */
export function lacksNodes({ nodes: here, owner, region, desired }: Site): boolean {
  if (here.length > 0 || region === undefined || desired === 0) return false;
  return region
    .all()
    .some(
      ({ owner: of, state }) =>
        of.network === owner.network &&
        of.placement === owner.placement &&
        (state === 'running' || state === 'pending'),
    );
}
