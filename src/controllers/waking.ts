/** What wakes whom: from a change of an object, or of a machine, to the keys that look again. */
import { ANNOTATIONS } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import type { Machine } from '../clouds/cloud.ts';
import { type KubeObject, keyOf } from '../kube/object.ts';
import { stableJson } from '../runtime/hash.ts';
import type { WorkQueue } from '../runtime/queue.ts';
import { networkKeyOf } from './belonging.ts';
import { type Caches, credentialsOfNetwork, credentialsOfNode } from './caches.ts';
import { holdOf } from './held.ts';
import type { Seen } from './kinds.ts';

export interface Queues {
  readonly networks: WorkQueue;
  readonly nodes: WorkQueue;
  readonly credentials: WorkQueue;
}

export interface Waking {
  nodesOf(network: string): void;
  /** A machine is new or looks different: its Node looks, and its Network does when the machine may join a balancer. */
  ownersOf(machine: Pick<Machine, 'id' | 'launch'>): void;
  /** Something of the Network changed, and more of it may in a moment. */
  networkSoon(key: string): void;
  /** Everything that names this CloudCredential, which can be used again or differently: nothing has to wait. */
  usersOf(credential: string): void;
}

export interface WakingOptions {
  /** What had to wait for its next try may be tried in the next pass. */
  readonly hurryNetwork: (key: string) => void;
  readonly hurryNode: (key: string) => void;
  /** Somebody asked for a look now, by annotation. Called before any key is woken. */
  readonly onAsked: () => void;
}

/** Events come in crowds; a Network looks once for all that came within this time. */
const gatherMs = 1_000;

/** Ties the queues to the caches, from now on. */
export function createWaking(
  { networks, nodes, credentials }: Caches,
  queues: Queues,
  { hurryNetwork, hurryNode, onAsked }: WakingOptions,
): Waking {
  networks.onChange(({ key, now, before }) => {
    if (isAsked(now, before)) onAsked();
    if (!isSameWish(now, before)) queues.networks.add(key);
    for (const object of [now, before])
      for (const credential of object === undefined ? [] : credentialsOfNetwork(object))
        queues.credentials.add(credential);
    const isAskedOtherwise =
      now !== undefined && before !== undefined && stableJson(askedOf(now)) !== stableJson(askedOf(before));
    const isLeaving =
      now === undefined || now.metadata.deletionTimestamp !== before?.metadata.deletionTimestamp;
    const isHeldOtherwise = (now && holdOf(now)) !== (before && holdOf(before));
    if (isLeaving || isAsked(now, before) || isAskedOtherwise || isHeldOtherwise) waking.nodesOf(key);
  });
  nodes.onChange(({ key, type, now, before }) => {
    if (isAsked(now, before)) onAsked();
    if (!isSameWish(now, before)) queues.nodes.add(key);
    const changed = now ?? before;
    if (changed === undefined) return;
    const network = networkKeyOf(changed);
    if (network !== undefined) queues.networks.addAfter(network, gatherMs);
    if (type === 'modified') return;
    for (const credential of credentialsOfNode(changed)) queues.credentials.addAfter(credential, gatherMs);
  });
  credentials.onChange(({ key, now, before }) => {
    if (isAsked(now, before)) onAsked();
    if (!isSameWish(now, before)) queues.credentials.add(key);
    if (now?.metadata.generation !== before?.metadata.generation) waking.usersOf(key);
  });

  const waking: Waking = {
    nodesOf(network) {
      for (const { metadata } of nodes.byIndex('network', network)) queues.nodes.add(keyOf(metadata));
    },
    ownersOf({ id, launch }) {
      const found = [
        ...nodes.byIndex('machine', id),
        ...(launch === undefined ? [] : nodes.byIndex('launch', `${launch.token}/${launch.index}`)),
      ];
      for (const node of found) {
        queues.nodes.add(keyOf(node.metadata));
        const network = networkKeyOf(node);
        if (network !== undefined) queues.networks.addAfter(network, gatherMs);
      }
    },
    networkSoon: (key) => queues.networks.addAfter(key, gatherMs),
    usersOf(credential) {
      for (const { metadata } of networks.byIndex('credential', credential)) {
        hurryNetwork(keyOf(metadata));
        queues.networks.add(keyOf(metadata));
      }
      for (const { metadata } of nodes.byIndex('credential', credential)) {
        hurryNode(keyOf(metadata));
        queues.nodes.add(keyOf(metadata));
      }
    },
  };
  return waking;
}

/** What Nodes do by the spec of their Network as it is now. */
function askedOf(network: Seen<Network>): unknown {
  if (!network.parsed.ok) return undefined;
  const { client, peering } = network.parsed.value.spec;
  return { health: client.health, peering };
}

/** Somebody gave the annotation `peerage.dev/reconcile` a new value. */
function isAsked(now: KubeObject | undefined, before: KubeObject | undefined): boolean {
  if (now === undefined || before === undefined) return false;
  const wantedBy = (object: KubeObject | undefined) => object?.metadata.annotations?.[ANNOTATIONS.reconcile];
  return wantedBy(now) !== wantedBy(before);
}

/**
 * Nothing but the status differs. Our own status is no reason to look again: with each failed try its message may change,
 * and the next would not wait.
 */
function isSameWish(now: KubeObject | undefined, before: KubeObject | undefined): boolean {
  if (now === undefined || before === undefined) return false;
  const wishOf = ({ metadata }: KubeObject) => stableJson({ ...metadata, resourceVersion: undefined });
  return wishOf(now) === wishOf(before);
}
