/** What stands around the machines of a Network's placements. Trouble stays with the placement it befell. */
import type { Network } from '../../api/network.ts';
import type { FabricGoal } from '../../clouds/cloud.ts';
import { keyOf, wholeSeconds } from '../../kube/object.ts';
import { fabricWish } from '../../planning/fabric-wish.ts';
import { machinesOf } from '../../planning/machine.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { Health } from '../health.ts';
import type { RegionInventory } from '../inventory.ts';
import { readableRecordOf } from '../launch/record.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { CredentialTrouble, troubleOf } from '../trouble.ts';
import type { Memories } from './memory.ts';
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

export function createSurroundings(options: Shared, memories: Memories) {
  const { sessions, inventory, health, fabrics, cluster, clock } = options;
  const memoryOf = ({ owner }: Site) => memories.of(owner.network ?? '');

  /** Runs `work`; what a cloud or a credential has against it becomes the placement's trouble, and ends its pass. */
  async function withTrouble(site: Site, work: () => Promise<void>): Promise<void> {
    if (site.trouble !== undefined) return;
    const { troubles } = memoryOf(site);
    try {
      await work();
    } catch (error) {
      const trouble = troubleOf(error, troubles.failures(site.name));
      if (trouble === undefined) throw error;
      troubles.fail(site.name, trouble);
      site.trouble = { ...trouble, waitMs: trouble.retryAfterMs };
    }
  }

  /**
   * Opens the placement's cloud; leaves `open` and `region` on the site, with machines not older than the look asks for. A
   * placement in trouble is left alone until its next try is due: its Network is woken by much else.
   */
  async function open(
    site: Site,
    namespace: string,
    { anew = false, signal }: { readonly anew?: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const held = memoryOf(site).troubles.of(site.name);
    if (held !== undefined && held.waitMs > 0) {
      site.trouble = { ...held.trouble, waitMs: held.waitMs };
      return;
    }
    await withTrouble(site, async () => {
      const { credentialRef, cloud, spec } = site.place;
      const region = definitionOf({ cloud }).regionOf(spec);
      const opened = await sessions.open({ credentialRef, namespace, cloud, region }, signal);
      assertSameAccount(site, opened);
      site.open = opened;
      const list = inventory.of(site.open);
      if (list.readAt === undefined || anew) await list.read(signal);
      if (list.readAt !== undefined) site.region = list;
    });
  }

  /** What was made in one account is not looked for in another, nor made there a second time. */
  function assertSameAccount({ place: { account, cluster: by } }: Site, open: OpenSession): void {
    if (account === undefined || (account === open.account && by === cluster)) return;
    throw new CredentialTrouble(
      'AccountChanged',
      `made in account ${account} by cluster ${by}; the credential now belongs to ${open.account}, and this is ${cluster}: nothing is made or removed`,
    );
  }

  /** Brings what stands around the placement's machines in line with the spec. */
  function align(site: Site, network: Network, { maxAgeMs, dryRun, signal }: Look): Promise<void> {
    return withTrouble(site, async () => {
      const { place, owner, open: session, region } = site;
      if (session === undefined) return;
      if (region === undefined) {
        const { failure } = inventory.of(session);
        if (failure === undefined) return;
        throw failure;
      }
      const scope = { owner, spec: place.spec };
      const isKept = site.wished || site.nodes.length > 0;
      const goal: FabricGoal = isKept
        ? fabricWish({
            scope,
            spec: network.spec,
            members: membersOf(site, region, health),
            balanced: isBalanced(site),
          })
        : { scope, goal: 'nothing' };
      site.aligned = await fabrics.align({ open: session, goal, maxAgeMs, dryRun, signal });
      site.observedAt = wholeSeconds(clock.now() - site.aligned.view.ageMs);
      const { trouble } = site.aligned.view;
      // What is to go, goes without a network to put it in.
      if (trouble !== undefined && isKept) throw trouble;
    });
  }

  /** Takes it all away, or our tag off it. */
  function clear(
    site: Site,
    goal: 'nothing' | 'released',
    { maxAgeMs, dryRun, signal }: Look,
  ): Promise<void> {
    return withTrouble(site, async () => {
      const { place, owner, open: session } = site;
      if (session === undefined) return;
      const scope = { owner, spec: place.spec };
      const request = { open: session, goal: { scope, goal }, maxAgeMs, dryRun, signal };
      site.aligned = await fabrics.align(request);
    });
  }

  /** Called at the end of a pass: where all went well, the next trouble is a first one. */
  function recover(sites: readonly Site[]): void {
    for (const site of sites)
      if (site.trouble === undefined && site.aligned !== undefined) memoryOf(site).troubles.forget(site.name);
  }

  /** The placement is no more. */
  function forget(site: Site): void {
    const { troubles, emptySince } = memoryOf(site);
    troubles.forget(site.name);
    emptySince.delete(site.name);
    fabrics.forget(scopeKeyOf(site.owner));
  }

  /** The balancer comes with the first node, and goes a while after the last. */
  function isBalanced(site: Site): boolean {
    const { emptySince } = memoryOf(site);
    if (site.desired > 0 || site.nodes.length > 0) {
      emptySince.set(site.name, clock.monotonic());
      return true;
    }
    const since = emptySince.get(site.name);
    return since !== undefined && clock.monotonic() - since < emptyGraceMs;
  }

  return { open, align, clear, withTrouble, recover, forget };
}

/** Who is unwell is left out, unless nobody would be left: a balancer that finds nobody serves nobody. */
function membersOf({ nodes: here }: Site, region: RegionInventory, health: Health): string[] {
  const running = here.flatMap((seen) => {
    const record = readableRecordOf(seen);
    if (record === undefined || seen.metadata.deletionTimestamp !== undefined || !seen.parsed.ok) return [];
    const { machine } = machinesOf(
      record,
      seen.parsed.value.status.machine?.id,
      region.launchedBy(record.token),
    );
    if (machine?.state !== 'running') return [];
    return [{ id: machine.id, isWell: health.of(keyOf(seen.metadata))?.health !== 'unhealthy' }];
  });
  const well = running.filter(({ isWell }) => isWell);
  return (well.length > 0 ? well : running).map(({ id }) => id);
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
