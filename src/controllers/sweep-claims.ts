/** What the objects of the cluster say of machines and surroundings: whose they are, and that they have to stay. */
import { LABELS } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import type { Machine, Owner } from '../clouds/cloud.ts';
import { keyOf } from '../kube/object.ts';
import { shareReplicas } from '../planning/scale.ts';
import { isHeld } from './held.ts';
import type { Seen } from './kinds.ts';
import { isRecordUnreadable, readableRecordOf } from './launch/record.ts';

export interface Claims {
  isClaimed(machine: Machine): boolean;
  /** The Network, or the standalone Node, is there. */
  isBacked(owner: Owner): boolean;
}

export function claimsOf(networks: readonly Seen<Network>[], nodes: readonly Seen<Node>[]): Claims {
  const backed = new Set([...networks, ...nodes].map(({ kind, metadata }) => `${kind} ${keyOf(metadata)}`));
  /** `token/index` of every Node's launch. */
  const launches = new Set(nodes.flatMap(launchKey));
  /** Nodes without a record: what they launched cannot be told any more. */
  const recordless = new Set(
    nodes.filter((node) => launchKey(node).length === 0).map(({ metadata }) => keyOf(metadata)),
  );
  /** Where the record of some Node cannot be read: it may be that of any machine. */
  const unclear = new Set(nodes.filter(isRecordUnreadable).map(({ metadata: { namespace } }) => namespace));
  /** Nothing of theirs may be changed; of one that cannot be read nobody knows. */
  const held = new Set(
    networks
      .filter((network) => !network.parsed.ok || isHeld(network))
      .map(({ metadata }) => keyOf(metadata)),
  );
  /** Placements that should have Nodes, and that have any. */
  const wished = new Set(networks.flatMap(wishedPlacements));
  const populated = new Set(nodes.flatMap(placementKey));

  return {
    isClaimed({ owner, launch }) {
      if (launch !== undefined && launches.has(`${launch.token}/${launch.index}`)) return true;
      const [namespace = ''] = (owner.network ?? owner.node ?? '').split('/');
      if (unclear.has(namespace)) return true;
      if (owner.node !== undefined) return recordless.has(owner.node);
      if (owner.network === undefined) return false;
      if (held.has(owner.network)) return true;
      // Machines and no Node at all where Nodes are wished for: a restore is under way (NodesMissing).
      const placement = `${owner.network}/${owner.placement}`;
      return wished.has(placement) && !populated.has(placement);
    },
    isBacked: ({ network, node }) =>
      backed.has(network === undefined ? `Node ${node}` : `Network ${network}`),
  };
}

function wishedPlacements({ metadata, parsed }: Seen<Network>): string[] {
  if (!parsed.ok || metadata.deletionTimestamp !== undefined) return [];
  const shares = shareReplicas(parsed.value.spec.placements, parsed.value.spec.replicas);
  return [...shares].flatMap(([name, replicas]) => (replicas > 0 ? [`${keyOf(metadata)}/${name}`] : []));
}

function launchKey(seen: Seen<Node>): string[] {
  const record = readableRecordOf(seen);
  return record === undefined ? [] : [`${record.token}/${record.index}`];
}

function placementKey({ metadata: { labels, namespace } }: Seen<Node>): string[] {
  const network = labels?.[LABELS.network];
  return network === undefined ? [] : [`${namespace}/${network}/${labels?.[LABELS.placement]}`];
}
