/** Makes and removes the Nodes of a Network as planned. */
import { API_VERSION } from '../../api/common.ts';
import { FINALIZER, LABELS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import { isAlreadyExists, isConflict } from '../../kube/errors.ts';
import { keyOf } from '../../kube/object.ts';
import type { NewNode, NodePlan, OldNode } from '../../planning/nodes.ts';
import { inParallel } from '../../runtime/parallel.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import { annotatePlaces, memberFor, notedPlaces } from './places.ts';
import type { Site } from './site.ts';

/** Creates and deletes of Nodes in one pass, and at once. */
export const nodesPerPass = 1_000;
export const nodeWriters = 16;

export function createPopulation(
  options: Pick<Shared, 'networkResource' | 'nodeResource' | 'bursts' | 'events' | 'logger'>,
  withTrouble: (site: Site, work: () => Promise<void>) => Promise<void>,
) {
  const { networkResource, nodeResource, bursts, events, logger } = options;

  async function carryOut(
    seen: Seen<Network>,
    network: Network,
    sites: readonly Site[],
    plan: NodePlan,
    blocked: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const wishes = [...plan.create, ...(plan.now.create ? [plan.now.create] : [])]
      .filter(({ placement }) => !blocked.has(placement))
      .slice(0, nodesPerPass);
    const removes = [...plan.remove, ...(plan.now.remove ? [plan.now.remove] : [])].slice(0, nodesPerPass);
    await adopt(seen, sites, signal);
    if (wishes.length === 0 && removes.length === 0) return seen;
    const pinned = await pin(seen, sites, wishes, signal);
    const held = new Set(sites.filter(({ trouble }) => trouble !== undefined).map(({ name }) => name));
    const creates = wishes.filter(({ placement }) => !held.has(placement));
    const removed: OldNode[] = [];
    await bursts.during(keyOf(seen.metadata), async () => {
      await inParallel(nodeWriters, removes, async (old) => {
        if (await removeNode(seen, old, signal)) removed.push(old);
      });
      await inParallel(nodeWriters, creates, async (wish) => {
        const site = sites.find(({ name }) => name === wish.placement);
        if (site !== undefined) await createNode(pinned, network, site, wish, signal);
      });
    });
    if (creates.length > 0) tell(seen, 'Scaling', `made ${countOf(creates)}`);
    if (removed.length > 0) tell(seen, 'Scaling', `removed ${countOf(removed)}`);
    return pinned;
  }

  /** One revision runs one image: what a public parameter names today is written down before the first Node. */
  async function pin(
    seen: Seen<Network>,
    sites: readonly Site[],
    creates: readonly NewNode[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const site of sites) {
      const { name, place, revision, open } = site;
      if (open === undefined || !creates.some(({ placement }) => placement === name)) continue;
      if (noted.get(name)?.pinned?.revision === revision) continue;
      await withTrouble(site, async () => {
        const spec = await open.session.machines.pin(place.spec, signal);
        noted.set(name, { ...place, ...noted.get(name), pinned: { revision, spec } });
      });
    }
    return await annotatePlaces(networkResource, seen, noted, signal);
  }

  async function createNode(
    seen: Seen<Network>,
    network: Network,
    site: Site,
    wish: NewNode,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, role, init, secretDelivery } = network.spec;
    const { name, namespace, uid } = seen.metadata;
    const { place, revision } = site;
    try {
      await nodeResource.create(
        {
          metadata: {
            namespace,
            name: wish.name,
            finalizers: [FINALIZER],
            labels: {
              [LABELS.network]: name,
              [LABELS.placement]: site.name,
              [LABELS.index]: String(wish.index),
              [LABELS.role]: role,
              [LABELS.revision]: revision,
            },
            ownerReferences: [ownerReference(name, uid)],
          },
          spec: {
            credentialRef: place.credentialRef,
            client,
            role,
            ...(init !== undefined && { init }),
            secretDelivery,
            [place.cloud]: memberFor(place, notedPlaces(seen).get(site.name)),
          },
        },
        { signal },
      );
    } catch (error) {
      // Another leader, or this one before its cache caught up, made it already.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  /** Whether nothing stood in the way. */
  async function removeNode(
    { metadata: { namespace } }: Seen<Network>,
    { name, uid }: OldNode,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      await nodeResource.delete({ namespace, name }, { uid, signal });
      return true;
    } catch (error) {
      // It is gone, and another has its name: the plan was made from a cache that did not know yet.
      if (isConflict(error)) return false;
      throw error;
    }
  }

  /** A restore drops owner references: Nodes belong by label, and get theirs back. */
  async function adopt(seen: Seen<Network>, sites: readonly Site[], signal: AbortSignal): Promise<void> {
    const { name, uid } = seen.metadata;
    const astray = sites
      .flatMap(({ nodes }) => nodes)
      .filter(({ metadata }) => !metadata.ownerReferences?.some((owner) => owner.uid === uid));
    await inParallel(nodeWriters, astray, async ({ metadata }) => {
      const others = (metadata.ownerReferences ?? []).filter(({ kind }) => kind !== 'Network');
      const ownerReferences = [...others, ownerReference(name, uid)];
      const { resourceVersion } = metadata;
      await nodeResource.patch(
        metadata,
        { metadata: { resourceVersion, ownerReferences } },
        { type: 'merge', signal },
      );
    });
  }

  function tell(regarding: Seen<Network>, reason: 'Scaling', note: string): void {
    events.event({ regarding, type: 'Normal', reason, action: 'Scale', note });
    logger.info({ network: keyOf(regarding.metadata) }, note);
  }

  return carryOut;
}

function countOf({ length }: readonly unknown[]): string {
  return `${length} ${length === 1 ? 'Node' : 'Nodes'}`;
}

function ownerReference(name: string, uid: string) {
  return { apiVersion: API_VERSION, kind: 'Network', name, uid, controller: true };
}
