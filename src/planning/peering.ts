/**
 * How the Nodes of a Network find each other: which are boot nodes, who may start, and whom each learns of. All of it
 * follows from the age of Nodes and machines, so that whoever looks arrives at the same answer and nothing has to be kept.
 */
import { MAX_PEERS } from '../api/network-status.ts';

/** One Node as far as peering cares. */
export interface PeerFacts {
  readonly name: string;
  readonly placement: string;
  /** RFC 3339; the Node's `creationTimestamp`. */
  readonly createdAt: string;
  /** RFC 3339; when the machine was made that it has now. Absent: it has none. */
  readonly launchedAt?: string;
  /** Its peer address, as `peerAddressOf` gives it. */
  readonly inside?: string;
  readonly outside?: string;
  /** Has a deletionTimestamp. */
  readonly leaving: boolean;
  /** It has no machine and its last try to get one failed. */
  readonly failing: boolean;
  /** Why its address is not known although its machine runs, for people. */
  readonly because?: string;
}

export interface PeeringTime {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly startTimeoutSeconds: number;
}

/**
 * Names of the boot nodes, the first first. Those with the oldest machines are elected, then those that are to get one, in
 * the order of their creation. A machine that is made later is younger than all there are, so whoever is elected stays so
 * while its machine lives, and does not come back before its turn with a new one. Passed over as long as there are others:
 * machines whose address did not become known in time, and Nodes whose launch fails.
 */
export function electBootnodes(
  nodes: readonly PeerFacts[],
  count: number,
  { now, startTimeoutSeconds }: PeeringTime,
): readonly string[] {
  const isLate = (since: string) => now - Date.parse(since) > startTimeoutSeconds * 1000;
  const rankOf = (node: PeerFacts) => {
    if (node.launchedAt !== undefined) return isKnown(node) || !isLate(node.launchedAt) ? 0 : 1;
    return node.failing ? 3 : 2;
  };
  return nodes
    .filter(({ leaving }) => !leaving)
    .sort((a, b) => rankOf(a) - rankOf(b) || byAge(a, b))
    .slice(0, count)
    .map(({ name }) => name);
}

export type Turn =
  | { readonly start: true }
  | {
      readonly start: false;
      /** What it waits for, for people. */
      readonly message: string;
      /** What stands in the way, where something does; in the message too. */
      readonly because?: string;
      /** No boot node's address is known and the time for it is over: somebody should look. */
      readonly overdue: boolean;
      /** When to look again though nothing changes. */
      readonly againInMs?: number;
    };

/**
 * Whether a Node that has no machine may be launched. The first boot node starts at once; the further ones once the address
 * of any is known, so that they find each other; the rest once the addresses of all are. When its time is over a boot node
 * starts whoever is known, and any other Node if one boot node is. `placement`: from where it would see them.
 */
export function turnOf(
  { name, placement, createdAt }: Pick<PeerFacts, 'name' | 'placement' | 'createdAt'>,
  nodes: readonly PeerFacts[],
  bootnodes: readonly string[],
  { now, startTimeoutSeconds }: PeeringTime,
): Turn {
  const others = bootnodes.flatMap((boot) => nodes.filter((node) => node.name === boot && boot !== name));
  const rank = bootnodes.indexOf(name);
  const unknown = others.filter((node) => seenFrom(node, placement) === undefined);
  const known = others.length - unknown.length;
  if (rank === 0 || unknown.length === 0 || (rank > 0 && known > 0)) return { start: true };

  const leftMs = Date.parse(createdAt) + startTimeoutSeconds * 1000 - now;
  if (leftMs <= 0 && (rank > 0 || known > 0)) return { start: true };
  const [first] = unknown;
  const whom =
    unknown.length === 1 ? `boot node ${first?.name}` : `${unknown.length} boot nodes, ${first?.name} first`;
  const why = first?.because === undefined ? '' : ` (${first.because})`;
  const because = first?.because === undefined ? {} : { because: first.because };
  // A boot node that just got a machine is about to be known, however long others have waited before.
  const newest = Math.max(...unknown.map(({ launchedAt }) => Date.parse(launchedAt ?? createdAt)));
  const patienceMs = Math.max(leftMs, newest + startTimeoutSeconds * 1000 - now);
  if (patienceMs <= 0) {
    const message = `no boot node's peer address is known after ${startTimeoutSeconds} s: ${first?.name}${why}; it starts as soon as one is`;
    return { start: false, overdue: true, message, ...because };
  }
  const message = `waits up to ${startTimeoutSeconds} s for the peer address of ${whom}${why}`;
  const againInMs = leftMs > 0 ? leftMs : patienceMs;
  return { start: false, overdue: false, message, ...because, againInMs };
}

// ----------------------------------------------------------------------------------------------- lists

/** A Node whose peer address is known, as `status.peers` has it. */
export interface ListedPeer {
  readonly node: string;
  readonly placement: string;
  readonly bootnode: boolean;
  readonly inside?: string;
  readonly outside?: string;
}

/** Addresses in `$(PEERS)`: a program needs some to begin with, and user data has 16 KiB. */
const maxVariablePeers = 100;

/** For `status.peers` and the ConfigMap. Boot nodes first, in the order of their election, then the oldest machines. */
export function listPeers(nodes: readonly PeerFacts[], bootnodes: readonly string[]): readonly ListedPeer[] {
  const rankOf = ({ name }: PeerFacts) =>
    bootnodes.includes(name) ? bootnodes.indexOf(name) : bootnodes.length;
  return nodes
    .filter((node) => !node.leaving && isKnown(node))
    .sort((a, b) => rankOf(a) - rankOf(b) || byAge(a, b))
    .slice(0, MAX_PEERS)
    .map(({ name, placement, inside, outside }) => ({
      node: name,
      placement,
      bootnode: bootnodes.includes(name),
      ...(inside !== undefined && { inside }),
      ...(outside !== undefined && { outside }),
    }));
}

/** What a Node is told of the others. */
export interface PeerLists {
  readonly bootnodes: readonly string[];
  /** The boot nodes among them. */
  readonly peers: readonly string[];
}

/**
 * As seen from a placement, or from outside of all. Nobody is told of itself; `except` has the names of those who are to
 * learn of the list.
 */
export function peersFrom(
  placement: string | undefined,
  peers: readonly ListedPeer[],
  except: readonly string[] = [],
): PeerLists {
  const seen = peers
    .filter(({ node }) => !except.includes(node))
    .flatMap((peer) => {
      const address = seenFrom(peer, placement);
      return address === undefined ? [] : [{ address, bootnode: peer.bootnode }];
    });
  const addressOf = ({ address }: { readonly address: string }) => address;
  return {
    bootnodes: seen.filter(({ bootnode }) => bootnode).map(addressOf),
    peers: seen.slice(0, maxVariablePeers).map(addressOf),
  };
}

/**
 * Data of the ConfigMap `<network>-peers`: `bootnodes` and `peers` as they are reached from outside, `bootnodes.<placement>`
 * and `peers.<placement>` as they are from inside of each, all with commas between; `peers.json` has the whole list.
 */
export function peersConfig(
  peers: readonly ListedPeer[],
  placements: readonly string[],
): Readonly<Record<string, string>> {
  const data: Record<string, string> = {};
  for (const placement of [undefined, ...placements]) {
    const lists = peersFrom(placement, peers);
    const suffix = placement === undefined ? '' : `.${placement}`;
    data[`bootnodes${suffix}`] = lists.bootnodes.join(',');
    data[`peers${suffix}`] = lists.peers.join(',');
  }
  return { ...data, 'peers.json': `${JSON.stringify(peers, undefined, 2)}\n` };
}

type Sides = Pick<PeerFacts, 'placement' | 'inside' | 'outside'>;

function seenFrom(peer: Sides, placement: string | undefined): string | undefined {
  return peer.placement === placement ? (peer.inside ?? peer.outside) : peer.outside;
}

function isKnown({ inside, outside }: PeerFacts): boolean {
  return inside !== undefined || outside !== undefined;
}

function byAge(a: PeerFacts, b: PeerFacts): number {
  return (
    compare(timeOf(a.launchedAt), timeOf(b.launchedAt)) ||
    compare(timeOf(a.createdAt), timeOf(b.createdAt)) ||
    (a.name < b.name ? -1 : 1)
  );
}

/** What has no time yet comes after all that have. */
function timeOf(at: string | undefined): number {
  return at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at);
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
