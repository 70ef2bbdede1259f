import { describe, expect, it } from 'vitest';
import { ALGORITHMS, type BalancedPort, type Balancing, type Check, type Server } from './balancing.ts';
import { poolOf, renderHaproxy } from './render.ts';

const tcp: Check = { kind: 'tcp', intervalSeconds: 10 };
const server = (name: string, more: Partial<Server> = {}): Server => ({
  name,
  address: '10.0.0.1',
  port: 8545,
  ...more,
});

const port = (more: Partial<BalancedPort> = {}): BalancedPort => ({
  port: 80,
  protocol: 'HTTP',
  algorithm: 'RoundRobin',
  sourceRanges: ['0.0.0.0/0'],
  servers: [server('a'), server('b')],
  check: tcp,
  ...more,
});

const balancing = (ports: readonly BalancedPort[], more: Partial<Balancing> = {}): Balancing => ({
  ports,
  stats: { address: '127.0.0.1', port: 8404 },
  drainSeconds: 30,
  ...more,
});

const linesOf = (ports: readonly BalancedPort[], more: Partial<Balancing> = {}) =>
  renderHaproxy(balancing(ports, more))
    .split('\n')
    .map((line) => line.trim());
const serverLines = (more: Partial<BalancedPort>) =>
  linesOf([port(more)]).filter((line) => line.startsWith('server '));

describe('the configuration', () => {
  it('is the same text for the same wish', () => {
    const wish = () => balancing([port(), port({ port: 81, protocol: 'TCP', algorithm: 'Source' })]);
    expect(renderHaproxy(wish())).toBe(renderHaproxy(wish()));
  });

  it('has one proxy for each port, by the name its statistics go by', () => {
    const lines = linesOf([port({ port: 80 }), port({ port: 81, protocol: 'TCP' })]);
    expect(lines.filter((line) => line.startsWith('listen '))).toEqual([
      `listen ${poolOf(80)}`,
      `listen ${poolOf(81)}`,
    ]);
  });

  it('lets old connections go on for the drain time, and for a second where there is none', () => {
    expect(linesOf([port()], { drainSeconds: 45 })).toContain('hard-stop-after 45s');
    expect(linesOf([port()], { drainSeconds: 0 })).toContain('hard-stop-after 1s');
  });

  it('asks name servers only where a server has a name', () => {
    expect(linesOf([port()])).not.toContain('resolvers names');
    expect(linesOf([port({ servers: [server('a', { address: '2001:db8::1' })] })])).not.toContain(
      'resolvers names',
    );
    const named = [port({ servers: [server('a', { address: 'lb-1.example.com' })] })];
    expect(linesOf(named)).toContain('resolvers names');
    expect(linesOf(named)).toContain(
      'server a lb-1.example.com:8545 resolvers names init-addr last,libc,none',
    );
  });
});

describe('who may connect', () => {
  const about = (sourceRanges: readonly string[]) =>
    linesOf([port({ sourceRanges })]).filter((line) => /^(bind .*:80\b|acl allowed|tcp-request)/.test(line));

  it('is everybody of IPv4 by IPv4 alone, and everybody of both by both', () => {
    expect(about(['0.0.0.0/0'])).toEqual(['bind 0.0.0.0:80']);
    expect(about(['::/0', '0.0.0.0/0'])).toEqual(['bind [::]:80 v4v6']);
  });

  it('is who is listed, and nobody for an empty list', () => {
    expect(about(['10.0.0.0/8', 'fd00::/8'])).toEqual([
      'bind [::]:80 v4v6',
      'acl allowed src 10.0.0.0/8 fd00::/8',
      'tcp-request connection reject unless allowed',
    ]);
    expect(about(['::/0'])).toContain('acl allowed src ::/0');
    expect(about([])).toEqual(['bind 0.0.0.0:80', 'tcp-request connection reject']);
  });

  it('stays below the words a line may have', () => {
    const many = Array.from({ length: 100 }, (_, at) => `10.0.${at}.0/24`);
    const lists = about(many).filter((line) => line.startsWith('acl'));
    expect(lists.every((line) => line.split(' ').length < 64)).toBe(true);
    expect(lists.flatMap((line) => line.split(' ').slice(3))).toEqual(many);
  });
});

describe('the algorithms', () => {
  it.each([
    ['RoundRobin', ['balance roundrobin']],
    ['LeastConnections', ['balance leastconn']],
    ['Weighted', ['balance roundrobin']],
    ['Random', ['balance random(2)']],
    ['Source', ['balance source', 'hash-type consistent']],
    ['First', ['balance roundrobin']],
  ] as const)('%s is %j', (algorithm, lines) => {
    expect(linesOf([port({ algorithm })]).filter((line) => /^(balance|hash-type)/.test(line))).toEqual(lines);
  });

  it('gives shares by weight, but in failover order', () => {
    const servers = [server('a', { weight: 3 }), server('b', { weight: 0 })];
    expect(serverLines({ algorithm: 'Weighted', servers })).toEqual([
      'server a 10.0.0.1:8545 weight 3',
      'server b 10.0.0.1:8545 weight 0',
    ]);
    expect(serverLines({ algorithm: 'First', servers })).toEqual([
      'server a 10.0.0.1:8545',
      'server b 10.0.0.1:8545 backup',
    ]);
  });

  it('keeps the ids that a hash goes by when another server leaves', () => {
    const idOf = (name: string, servers: readonly Server[]) =>
      serverLines({ algorithm: 'Source', servers })
        .find((line) => line.startsWith(`server ${name} `))
        ?.match(/ id ([0-9]+)/)?.[1];
    const all = [server('a'), server('b'), server('c')];
    expect(idOf('b', all)).toMatch(/^[1-9]/);
    expect(idOf('b', all.slice(1))).toBe(idOf('b', all));
    expect(new Set(all.map(({ name }) => idOf(name, all))).size).toBe(3);
  });
});

describe('what cannot stand in a line', () => {
  const hostile = ['a\n', 'a b', "a'", 'a"', 'a#', 'a$B', '', 'ä'];

  it.each(hostile)('is refused as the name of a server: %j', (name) => {
    expect(() => serverLines({ servers: [server(name)] })).toThrow(RangeError);
  });

  it.each([...hostile, '-a', '::1%lo', '10.0.0.1 backup', `${'a'.repeat(64)}.b`])(
    'is refused as an address: %j',
    (address) => {
      expect(() => serverLines({ servers: [server('a', { address })] })).toThrow(RangeError);
      expect(() => linesOf([], { stats: { address, port: 1 } })).toThrow(RangeError);
    },
  );

  it.each([0, 65_536, 1.5, Number.NaN])('is refused as a port: %j', (number) => {
    expect(() => linesOf([port({ port: number })])).toThrow(RangeError);
    expect(() => serverLines({ servers: [server('a', { port: number })] })).toThrow(RangeError);
    expect(() => serverLines({ servers: [server('a', { checkPort: number })] })).toThrow(RangeError);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/8 or 1', '10.0.0.0/8\n'])(
    'is refused as a range: %j',
    (range) => {
      expect(() => linesOf([port({ sourceRanges: [range] })])).toThrow(RangeError);
    },
  );

  it.each(['x', '/a b', '/a\nb', ''])('is refused as a path: %j', (path) => {
    const check: Check = { kind: 'http', path, status: 200, intervalSeconds: 5 };
    expect(() => linesOf([port({ check })])).toThrow(RangeError);
  });

  it('is refused as a second server of one name, a weight, a time', () => {
    expect(() => serverLines({ servers: [server('a'), server('a')] })).toThrow(RangeError);
    expect(() => serverLines({ servers: [server('a', { weight: 257 })] })).toThrow(RangeError);
    expect(() => linesOf([port({ check: { kind: 'tcp', intervalSeconds: 0 } })])).toThrow(RangeError);
    expect(() => linesOf([port()], { drainSeconds: -1 })).toThrow(RangeError);
  });

  it.each(ALGORITHMS)('keeps every text in its line under %s', (algorithm) => {
    const text = `'"\\ \n\r\0#$HOME%[src]é😀`;
    const check: Check = {
      kind: 'jsonRpc',
      path: '/\'"\\#$HOMEé',
      method: text,
      params: [text, { [text]: text }],
      result: { [text]: text },
      intervalSeconds: 5,
    };
    const plain: Check = { kind: 'jsonRpc', path: '/', method: 'a', result: 'b', intervalSeconds: 5 };
    const first = (wanted: Check) => linesOf([port({ algorithm, check: wanted })]);
    const words = (lines: readonly string[]) => lines.map((line) => line.split(' ').slice(0, 2).join(' '));
    expect(words(first(check))).toEqual(words(first(plain)));
  });
});
