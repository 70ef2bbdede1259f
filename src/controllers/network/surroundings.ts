/** What stands around the machines of a Network's placements. Trouble stays with the placement it befell. */
import { scopeKeyOf } from '../belonging.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { CredentialTrouble } from '../trouble.ts';
import { createAlignment } from './align.ts';
import { attempt } from './attempt.ts';
import { createClearing } from './clear.ts';
import type { Memories } from './memory.ts';
import { definitionOf } from './places.ts';
import type { Site } from './site.ts';

export function createSurroundings(options: Shared, memories: Memories) {
  const { sessions, inventory, fabrics, cluster } = options;
  const memoryOf = ({ owner }: Site) => memories.of(owner.network ?? '');

  const align = createAlignment(options, memories, withTrouble);
  const clear = createClearing(options, memories, withTrouble);

  /** Runs `work`; what a cloud or a credential has against it becomes the placement's trouble, and ends its pass. */
  async function withTrouble(site: Site, work: () => Promise<void>): Promise<void> {
    if (site.trouble !== undefined) return;
    const trouble = await attempt(memoryOf(site).troubles, site.name, work);
    if (trouble !== undefined) site.trouble = trouble;
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

  /** Called at the end of a pass: where all went well, the next trouble is a first one. */
  function recover(sites: readonly Site[]): void {
    for (const site of sites)
      if (site.trouble === undefined && site.aligned !== undefined) memoryOf(site).troubles.forget(site.name);
  }

  /** The placement is no more. */
  function forget(site: Site): void {
    const { troubles, emptySince, takenOverSince } = memoryOf(site);
    troubles.forget(site.name);
    for (const times of [emptySince, takenOverSince]) times.delete(site.name);
    fabrics.forget(scopeKeyOf(site.owner));
  }

  return { open, align, clear, withTrouble, recover, forget };
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
