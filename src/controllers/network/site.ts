/** One placement as one pass over its Network knows it. */
import { LABELS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { Node } from '../../api/node.ts';
import type { FabricView, Owner, Scope } from '../../clouds/cloud.ts';
import type { NodeFacts } from '../../planning/nodes.ts';
import { revisionOf } from '../../planning/revision.ts';
import { shareReplicas } from '../../planning/scale.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { Aligned } from '../fabrics.ts';
import type { RegionInventory } from '../inventory.ts';
import type { Seen } from '../kinds.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import type { Trouble } from '../trouble.ts';
import { currentPlaces, definitionOf, notedPlaces, type Place } from './places.ts';

/** One placement in one pass. */
export interface Site {
  readonly name: string;
  readonly place: Place;
  readonly owner: Owner;
  /** Of its Network. */
  readonly uid: string;
  /** In the spec; else on its way out. */
  readonly wished: boolean;
  readonly desired: number;
  readonly revision: string;
  readonly nodes: readonly Seen<Node>[];
  /** What stood around it when it was last looked at, which a pass that came to nothing may have done, too. */
  readonly lastView: () => FabricView | undefined;
  open?: OpenSession;
  region?: RegionInventory;
  aligned?: Aligned;
  /** When the cloud was read for `aligned` (RFC 3339). */
  observedAt?: string;
  trouble?: SiteTrouble;
}

/** Why nothing more is tried for a placement in this pass. */
export interface SiteTrouble extends Trouble {
  /** Until the next try. `retryAfterMs` is what the wait was at first, so that the message stays as it is. */
  readonly waitMs: number;
}

export function sitesOf(
  { nodes, cluster, fabrics }: Pick<Shared, 'nodes' | 'cluster' | 'fabrics'>,
  key: string,
  seen: Seen<Network>,
  network: Network,
): readonly Site[] {
  const { spec } = network;
  const desired = shareReplicas(spec.placements, spec.replicas);
  const mine = nodes.byIndex('network', key);
  const ownerOf = (placement: string): Owner => ({ cluster, network: key, placement });
  return [...placesOf(seen, network)].map(([name, place]) => ({
    name,
    place,
    owner: ownerOf(name),
    uid: seen.metadata.uid,
    lastView: () => fabrics.lastView(scopeKeyOf(ownerOf(name))),
    wished: spec.placements.some((placement) => placement.name === name),
    desired: desired.get(name) ?? 0,
    revision: revisionOf(spec, definitionOf(place), place.spec),
    nodes: mine.filter(({ metadata }) => metadata.labels?.[LABELS.placement] === name),
  }));
}

/** Whether something is to stand around it. */
export const isKept = ({ wished, nodes }: Site): boolean => wished || nodes.length > 0;

/** What stands around the placement by itself. */
export const scopeOf = ({ owner, uid, place }: Site): Scope => ({ owner, uid, spec: place.spec });

/** On its way out a Network has only what was noted before something was made. */
function placesOf(seen: Seen<Network>, network: Network): ReadonlyMap<string, Place> {
  const noted = notedPlaces(seen);
  return seen.metadata.deletionTimestamp === undefined ? currentPlaces(network, noted) : noted;
}

export function factsOf(seen: Seen<Node>): NodeFacts {
  const { name, uid, labels = {}, deletionTimestamp } = seen.metadata;
  return {
    name,
    uid,
    placement: labels[LABELS.placement] ?? '',
    index: Number(labels[LABELS.index] ?? '0'),
    revision: labels[LABELS.revision] ?? '',
    ready: seen.parsed.ok && seen.parsed.value.status.phase === 'Ready',
    leaving: deletionTimestamp !== undefined,
  };
}

/** The one that a person has to mend comes first. */
export function worstTrouble(sites: readonly Site[]): Trouble | undefined {
  const troubles = sites.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble]));
  return troubles.find(({ stalled }) => stalled) ?? troubles[0];
}
