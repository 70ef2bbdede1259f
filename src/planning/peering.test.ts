import { describe, expect, test } from 'vitest';
import { MAX_PEERS } from '../api/network-status.ts';
import {
  electBootnodes,
  type ListedPeer,
  listPeers,
  type PeerFacts,
  peersConfig,
  peersFrom,
  turnOf,
} from './peering.ts';

const startTimeoutSeconds = 300;
const at = (seconds: number) => new Date(Date.parse('2030-01-01T00:00:00Z') + seconds * 1000).toISOString();
const time = (seconds: number) => ({ now: Date.parse(at(seconds)), startTimeoutSeconds });

function node(name: string, more: Partial<PeerFacts> = {}): PeerFacts {
  return { name, placement: 'p', createdAt: at(0), leaving: false, failing: false, ...more };
}

/** With a machine of that age, and an address. */
function known(name: string, launched = 0, more: Partial<PeerFacts> = {}): PeerFacts {
  return node(name, { launchedAt: at(launched), inside: `${name}.in`, outside: `${name}.out`, ...more });
}

const elect = (nodes: readonly PeerFacts[], count: number, now = 0) =>
  electBootnodes(nodes, count, time(now));

describe('boot nodes', () => {
  test('are the oldest, then by name', () => {
    const nodes = [
      node('c'),
      node('b'),
      node('young', { createdAt: at(1) }),
      node('old', { createdAt: at(-1) }),
    ];
    expect(elect(nodes, 3)).toEqual(['old', 'b', 'c']);
    expect(elect([...nodes].reverse(), 3)).toEqual(['old', 'b', 'c']);
  });

  test('are all there are, when that is fewer', () => {
    expect(elect([node('a')], 3)).toEqual(['a']);
    expect(elect([], 3)).toEqual([]);
  });

  test('compare times, not their spelling', () => {
    const nodes = [
      node('a', { createdAt: '2030-01-01T00:00:00.500Z' }),
      node('b', { createdAt: '2030-01-01T00:00:00Z' }),
    ];
    expect(elect(nodes, 1)).toEqual(['b']);
  });

  test('stay while their machines live, whatever comes and goes around them', () => {
    const before = [known('a'), known('b'), node('c')];
    expect(elect(before, 2)).toEqual(['a', 'b']);
    const after = [known('b'), known('c', 50), known('d', 60), known('a')];
    expect(elect(after, 2, 500)).toEqual(['a', 'b']);
  });

  test('that lost their machine are replaced by the next-oldest machine', () => {
    expect(elect([node('a'), known('b'), known('c', 5)], 2)).toEqual(['b', 'c']);
  });

  test('that come back with a new machine take their turn behind the rest', () => {
    expect(elect([known('a', 100), known('b'), known('c', 5)], 2)).toEqual(['b', 'c']);
    expect(elect([known('a', 100), known('b')], 2)).toEqual(['b', 'a']);
  });

  test('that are leaving are none', () => {
    expect(elect([known('a', 0, { leaving: true }), known('b'), known('c')], 2)).toEqual(['b', 'c']);
  });

  test('more of them are elected without touching those there are', () => {
    const nodes = [known('a'), known('b', 1), known('c', 2)];
    for (const count of [1, 2, 3]) expect(elect(nodes, count)).toEqual(['a', 'b', 'c'].slice(0, count));
  });

  test('whose launch fails are passed over as long as there are others', () => {
    expect(elect([node('a', { failing: true }), node('b')], 1)).toEqual(['b']);
    expect(elect([node('a', { failing: true })], 1)).toEqual(['a']);
  });

  test('whose address does not become known in time are passed over for one that is known, and for no other', () => {
    const silent = node('a', { launchedAt: at(0) });
    expect(elect([silent, known('b', 10)], 1, 300)).toEqual(['a']);
    expect(elect([silent, known('b', 10)], 1, 301)).toEqual(['b']);
    expect(elect([silent, node('b')], 1, 301)).toEqual(['a']);
  });
});

describe('the turn of', () => {
  const turn = (name: string, nodes: readonly PeerFacts[], count: number, now = 0) => {
    const self = nodes.find((one) => one.name === name) ?? node(name);
    return turnOf(self, nodes, elect(nodes, count, now), time(now));
  };
  const fresh = ['a', 'b', 'c', 'd'].map((name) => node(name));

  test('the first boot node comes at once', () => {
    expect(turn('a', fresh, 2)).toEqual({ start: true });
  });

  test('a further boot node comes when another is known', () => {
    expect(turn('b', fresh, 2)).toMatchObject({ start: false, overdue: false, againInMs: 300_000 });
    expect(turn('b', [known('a'), node('b')], 2)).toEqual({ start: true });
  });

  test('any other Node comes when all boot nodes are known', () => {
    const [, b = node('b'), c = node('c')] = fresh;
    expect(turn('c', [node('a'), b, c], 2)).toMatchObject({ start: false });
    expect(turn('c', [known('a'), b, c], 2)).toMatchObject({ start: false });
    expect(turn('c', [known('a'), known('b'), c], 2)).toEqual({ start: true });
  });

  test('any other Node comes after the timeout if one boot node is known', () => {
    const nodes = [known('a'), node('b'), node('c')];
    expect(turn('c', nodes, 2, 299)).toMatchObject({ start: false, againInMs: 1_000 });
    expect(turn('c', nodes, 2, 300)).toEqual({ start: true });
  });

  test('any other Node does not come while no boot node is known: it would be a network of its own', () => {
    const silent = node('a', { launchedAt: at(0), because: 'connection refused' });
    expect(turn('b', [silent, node('b')], 1, 9_999)).toEqual({
      start: false,
      overdue: true,
      because: 'connection refused',
      message:
        "no boot node's peer address is known after 300 s: a (connection refused); it starts as soon as one is",
    });
  });

  test('a boot node comes after the timeout though no other is known: somebody has to begin', () => {
    expect(turn('b', [node('a', { launchedAt: at(0) }), node('b')], 2, 300)).toEqual({ start: true });
  });

  test('a Node that lost its machine comes at once where boot nodes are known', () => {
    expect(turn('a', [node('a'), known('b')], 1, 9_999)).toEqual({ start: true });
  });

  test('whoever lost its machine with all others comes when the first new one is known', () => {
    const nodes = [node('a', { launchedAt: at(5_000) }), node('b')];
    expect(turn('b', nodes, 1, 5_100)).toMatchObject({ start: false, overdue: false, againInMs: 200_000 });
    expect(turn('b', nodes, 1, 5_300)).toMatchObject({ start: false, overdue: true });
  });

  test('a Node waits for what it can see: an address inside of another placement is none', () => {
    const hidden = node('a', { placement: 'q', launchedAt: at(0), inside: 'a.in' });
    expect(turn('b', [hidden, node('b')], 1)).toMatchObject({ start: false });
    expect(turn('b', [{ ...hidden, placement: 'p' }, node('b')], 1)).toEqual({ start: true });
  });

  test('one that waits says for whom', () => {
    expect(turn('c', fresh, 1)).toMatchObject({
      message: 'waits up to 300 s for the peer address of boot node a',
    });
    expect(turn('c', fresh, 2)).toMatchObject({
      message: 'waits up to 300 s for the peer address of 2 boot nodes, a first',
    });
  });
});

describe('the list', () => {
  test('has every boot node first, then the oldest machines', () => {
    const nodes = [known('z', 9), known('a', 5), known('b', 1), known('c', 2), node('waiting')];
    const peers = listPeers(nodes, ['b', 'c', 'a']);
    expect(peers.map(({ node: name, bootnode }) => [name, bootnode])).toEqual([
      ['b', true],
      ['c', true],
      ['a', true],
      ['z', false],
    ]);
  });

  test('has nobody who is leaving', () => {
    expect(listPeers([known('a', 0, { leaving: true })], [])).toEqual([]);
  });

  test('keeps the boot nodes when there are too many', () => {
    const many = Array.from({ length: MAX_PEERS + 5 }, (_, index) => known(`n${index}`, index));
    const peers = listPeers([...many, known('boot', 9_999)], ['boot']);
    expect(peers).toHaveLength(MAX_PEERS);
    expect(peers[0]).toMatchObject({ node: 'boot', bootnode: true });
  });
});

describe('a Node is told of', () => {
  const peers: readonly ListedPeer[] = [
    { node: 'a', placement: 'p', bootnode: true, inside: 'a.in', outside: 'a.out' },
    { node: 'b', placement: 'q', bootnode: true, inside: 'b.in', outside: 'b.out' },
    { node: 'c', placement: 'q', bootnode: true, outside: 'c.out' },
    { node: 'd', placement: 'q', bootnode: false, inside: 'd.in' },
  ];

  test('all boot nodes by the addresses it reaches: private inside, public outside', () => {
    expect(peersFrom('p', peers).bootnodes).toEqual(['a.in', 'b.out', 'c.out']);
    expect(peersFrom('q', peers).bootnodes).toEqual(['a.out', 'b.in', 'c.out']);
    expect(peersFrom(undefined, peers).bootnodes).toEqual(['a.out', 'b.out', 'c.out']);
  });

  test('all peers that it reaches at all', () => {
    expect(peersFrom('p', peers).peers).toEqual(['a.in', 'b.out', 'c.out']);
    expect(peersFrom('q', peers).peers).toEqual(['a.out', 'b.in', 'c.out', 'd.in']);
  });

  test('the others, never of itself', () => {
    expect(peersFrom('p', peers, ['a', 'x'])).toEqual({
      bootnodes: ['b.out', 'c.out'],
      peers: ['b.out', 'c.out'],
    });
  });

  test('so many peers as its user data takes', () => {
    const many = listPeers(
      Array.from({ length: 300 }, (_, index) => known(`n${index}`, index)),
      [],
    );
    expect(peersFrom('p', many).peers).toHaveLength(100);
  });

  test('what the ConfigMap says, too', () => {
    const data = peersConfig(peers, ['p', 'q']);
    expect(data).toMatchObject({
      bootnodes: 'a.out,b.out,c.out',
      'bootnodes.p': 'a.in,b.out,c.out',
      'peers.q': 'a.out,b.in,c.out,d.in',
    });
    expect(JSON.parse(data['peers.json'] ?? '')).toEqual(peers);
  });
});

test('the ConfigMap of the largest Network fits into one', () => {
  const enode = (name: string) =>
    `enode://${'0123456789abcdef'.repeat(8)}@${name}.203.0.113.250:30303?discport=30304`;
  const placements = Array.from({ length: 32 }, (_, index) => `placement-${index}`);
  const nodes = Array.from({ length: 2 * MAX_PEERS }, (_, index) => {
    const name = `${'n'.repeat(40)}-placement-12345-${index}`;
    return known(name, index, { inside: enode('a'), outside: enode('b'), placement: 'placement-1' });
  });
  const size = Buffer.byteLength(JSON.stringify(peersConfig(listPeers(nodes, []), placements)));
  expect(size).toBeLessThan(1_048_576);
});
