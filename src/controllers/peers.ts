/** Who knows whom in each Network with `peering`: worked out from what is cached, kept, and told on when it changes. */
import { LABELS } from '../api/names.ts';
import type { Node } from '../api/node.ts';
import type { Peering } from '../api/peering.ts';
import { keyOf } from '../kube/object.ts';
import {
  electBootnodes,
  type ListedPeer,
  listPeers,
  type PeerFacts,
  type PeerLists,
  peersFrom,
  type Turn,
  turnOf,
} from '../planning/peering.ts';
import type { Clock } from '../runtime/clock.ts';
import { stableJson } from '../runtime/hash.ts';
import { networkKeyOf } from './belonging.ts';
import type { Seen } from './kinds.ts';
import { peerFactsOf } from './peers-facts.ts';
import type { Shared } from './shared.ts';

export interface PeersOptions extends Pick<Shared, 'networks' | 'nodes' | 'inventory' | 'health'> {
  readonly clock: Clock;
  /** What this Node waits for, or its own address, is another. */
  readonly wakeNode: (key: string) => void;
  /** The list of its peers is another. */
  readonly wakeNetwork: (key: string) => void;
}

export interface Peers {
  /** Those whose address is known. Undefined: the Network has no `peering`. */
  listed(network: string): readonly ListedPeer[] | undefined;
  /** Whether a Node that has no machine may be launched. Undefined: nobody in its Network waits for anybody. */
  turnOf(node: Seen<Node>): Turn | undefined;
  /** What a launch of Nodes like this is told; `names` has all of them. Undefined: nothing. */
  listsFor(node: Seen<Node>, names: readonly string[]): PeerLists | undefined;
  /** By which its peers know the Node. */
  addressOf(node: Seen<Node>): Pick<PeerFacts, 'inside' | 'outside'> | undefined;
  /** Something may be different for the Network of this key: a machine, an answer. */
  touch(network: string): void;
}

interface View {
  readonly facts: readonly PeerFacts[];
  readonly bootnodes: readonly string[];
  readonly listed: readonly ListedPeer[];
  /** All that decides who may start. */
  readonly decides: string;
  readonly at: number;
  /** Other Nodes are there now. */
  readonly expired: boolean;
}

/** Changes come in crowds; what follows from them is worked out once for all that came within this time. */
const gatherMs = 200;
/** Where that takes long, it is done less often. */
const mostOfTime = 1 / 10;
/** Time alone changes an election: a boot node that does not come up is passed over. */
const keptMs = 5_000;

export function createPeers(options: PeersOptions): Peers {
  const { networks, nodes, clock, wakeNode, wakeNetwork } = options;
  /** Of Networks that somebody asked about. */
  const views = new Map<string, View>();
  const due = new Set<string>();
  let pauseMs = gatherMs;

  nodes.onChange(({ type, now, before }) => {
    const changed = now ?? before;
    const network = changed && networkKeyOf(changed);
    if (network === undefined) return;
    const isLeaving = now?.metadata.deletionTimestamp !== before?.metadata.deletionTimestamp;
    if (type !== 'modified' || isLeaving) expire(network);
    touch(network);
  });
  networks.onChange(({ key, now, before }) => {
    if (now === undefined) views.delete(key);
    else if (now.metadata.generation !== before?.metadata.generation) {
      expire(key);
      touch(key);
    }
  });

  function expire(network: string): void {
    const view = views.get(network);
    if (view !== undefined) views.set(network, { ...view, expired: true });
  }

  function touch(network: string): void {
    if (!views.has(network) || due.has(network)) return;
    due.add(network);
    clock.after(pauseMs, () => {
      due.delete(network);
      if (views.has(network)) refresh(network);
    });
  }

  function peeringOf(network: string | undefined): Peering | undefined {
    const seen = network === undefined ? undefined : networks.get(network);
    return seen?.parsed.ok ? seen.parsed.value.spec.peering : undefined;
  }

  function refresh(network: string): View | undefined {
    const peering = peeringOf(network);
    if (peering === undefined) {
      views.delete(network);
      return undefined;
    }
    const at = clock.monotonic();
    const facts = nodes.byIndex('network', network).map((seen) => peerFactsOf(seen, peering, options));
    const bootnodes = electBootnodes(facts, peering.bootnodes, { ...peering, now: clock.now() });
    const decides = stableJson(bootnodes.map((name) => facts.find((node) => node.name === name)));
    const before = views.get(network);
    const view = { facts, bootnodes, listed: listPeers(facts, bootnodes), decides, at, expired: false };
    views.set(network, view);
    pauseMs = Math.max(gatherMs, (clock.monotonic() - at) / mostOfTime);
    if (before !== undefined) tell(network, before, view);
    return view;
  }

  function tell(network: string, before: View, now: View): void {
    const [namespace] = network.split('/');
    if (before.decides !== now.decides)
      for (const { name, launchedAt, leaving } of now.facts)
        if (launchedAt === undefined && !leaving) wakeNode(keyOf({ namespace, name }));
    if (stableJson(before.listed) !== stableJson(now.listed)) wakeNetwork(network);
  }

  return {
    listed: (network) => (peeringOf(network) === undefined ? undefined : viewOf(network)?.listed),
    turnOf(seen) {
      const network = networkKeyOf(seen);
      const peering = peeringOf(network);
      if (network === undefined || peering === undefined) return undefined;
      const { name } = seen.metadata;
      const isMe = (node: PeerFacts) => node.name === name;
      const known = views.get(network);
      // Whoever asks has no machine, whatever was known: one that is taken for a boot node would start without any.
      const isRight =
        known !== undefined &&
        !known.expired &&
        clock.monotonic() - known.at < keptMs &&
        known.facts.some((node) => isMe(node) && node.launchedAt === undefined);
      const view = isRight ? known : refresh(network);
      const facts = view?.facts.find(isMe);
      if (view === undefined || facts === undefined) return undefined;
      return turnOf(facts, view.facts, view.bootnodes, { ...peering, now: clock.now() });
    },
    listsFor(seen, names) {
      const network = networkKeyOf(seen);
      if (network === undefined || peeringOf(network) === undefined) return undefined;
      return peersFrom(seen.metadata.labels?.[LABELS.placement], viewOf(network)?.listed ?? [], names);
    },
    addressOf(seen) {
      const peering = peeringOf(networkKeyOf(seen));
      if (peering === undefined) return undefined;
      const { inside, outside } = peerFactsOf(seen, peering, options);
      if (inside === undefined && outside === undefined) return undefined;
      return { ...(inside !== undefined && { inside }), ...(outside !== undefined && { outside }) };
    },
    touch,
  };

  function viewOf(network: string): View | undefined {
    return views.get(network) ?? refresh(network);
  }
}
