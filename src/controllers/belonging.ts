import { cloudOf } from '../api/cloud-member.ts';
import { LABELS } from '../api/names.ts';
import type { Node } from '../api/node.ts';
import type { Cloud, Owner } from '../clouds/cloud.ts';
import { CLOUDS, type CloudName } from '../clouds/index.ts';
import type { KubeObject } from '../kube/object.ts';

/** Where a Node belongs, read off its labels and its spec. */
export interface Belonging {
  readonly owner: Owner;
  /** UID of its Network, or its own if it is standalone. Absent where a machine of it is let go of while its Network stays. */
  readonly uid?: string;
  /** `namespace/name` of its Network; absent for a standalone Node. */
  readonly network?: string;
  readonly placement?: string;
  /** Ordinal in the placement; 0 for a standalone Node. */
  readonly index: number;
  readonly revision: string;
  readonly cloud: CloudName;
  readonly region: string;
  /** The cloud member of its spec. */
  readonly spec: unknown;
  readonly scopeKey: string;
}

export function belongingOf(node: Node, cluster: string): Belonging {
  const { labels = {}, namespace, name, uid, ownerReferences = [] } = node.metadata;
  const { name: cloud, spec } = cloudOf(node.spec);
  const definition: Cloud = CLOUDS[cloud];
  const network = labels[LABELS.network];
  const placement = labels[LABELS.placement];
  const common = { cloud, spec, region: definition.regionOf(spec), revision: labels[LABELS.revision] ?? '' };
  if (network === undefined || placement === undefined) {
    const owner = { cluster, node: `${namespace}/${name}` };
    return { ...common, owner, uid, index: 0, scopeKey: scopeKeyOf(owner) };
  }
  const owner = { cluster, network: `${namespace}/${network}`, placement };
  const index = ordinalOf(node);
  const reference = ownerReferences.find((one) => one.kind === 'Network' && one.name === network);
  const isLetGo = node.spec.deletionPolicy === 'Orphan';
  const mark = reference === undefined || isLetGo ? {} : { uid: reference.uid };
  return { ...common, ...mark, owner, network: owner.network, placement, index, scopeKey: scopeKeyOf(owner) };
}

/** Ordinal in the placement; 0 for a standalone Node, and for a label that is none. */
export function ordinalOf({
  metadata,
}: {
  readonly metadata: Pick<KubeObject['metadata'], 'labels'>;
}): number {
  const index = Number(metadata.labels?.[LABELS.index] ?? '0');
  return Number.isSafeInteger(index) && index >= 0 ? index : 0;
}

/** Names the surroundings of one placement, of a region that placements share, or of a standalone Node. */
export function scopeKeyOf({ network, placement, region, node }: Owner): string {
  if (network === undefined) return `node ${node}`;
  return `network ${network}/${region === undefined ? placement : `region ${region}`}`;
}

/** Key of the Network an object's labels name, whether it exists or not. */
export function networkKeyOf({ metadata }: Pick<KubeObject, 'metadata'>): string | undefined {
  const network = metadata.labels?.[LABELS.network];
  return network === undefined ? undefined : `${metadata.namespace}/${network}`;
}
