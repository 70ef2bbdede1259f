import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  ALGORITHMS,
  type Algorithm,
  type BalancedPort,
  type Balancing,
  type Check,
} from '../../src/haproxy/balancing.ts';
import { ALIVE_PATH, READY_PATH, renderHaproxy } from '../../src/haproxy/render.ts';
import { type Haproxy, haproxyPath, type Ports, startHaproxy } from './haproxy-process.ts';
import { call, startCallers } from './rpc-callers.ts';
import { type RpcNode, startRpcNode } from './rpc-node.ts';

const health: Check = {
  kind: 'jsonRpc',
  path: '/',
  method: 'health',
  result: { ok: true },
  intervalSeconds: 1,
};

interface Wish {
  readonly protocol?: BalancedPort['protocol'];
  readonly algorithm?: Algorithm;
  readonly check?: Check;
  readonly drainSeconds?: number;
  readonly weights?: readonly number[];
}

const configOf = (ports: Ports, nodes: readonly RpcNode[], wish: Wish = {}) =>
  renderHaproxy({
    stats: { address: '127.0.0.1', port: ports.stats },
    drainSeconds: wish.drainSeconds ?? 20,
    ports: [
      {
        port: ports.front,
        protocol: wish.protocol ?? 'HTTP',
        algorithm: wish.algorithm ?? 'RoundRobin',
        sourceRanges: ['0.0.0.0/0'],
        check: wish.check ?? health,
        servers: nodes.map(({ name, port }, at) => ({
          name,
          address: '127.0.0.1',
          port,
          ...(wish.weights?.[at] === undefined ? {} : { weight: wish.weights[at] }),
        })),
      },
    ],
  });

async function startNodes(...names: readonly string[]): Promise<readonly RpcNode[]> {
  const nodes = await Promise.all(names.map((name) => startRpcNode(name)));
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.kill()));
  });
  return nodes;
}

describe.skipIf(!haproxyPath())('a real HAProxy', () => {
  const started = new Set<Haproxy>();

  afterEach(async () => {
    await Promise.all(Array.from(started, (haproxy) => haproxy.stop()));
    started.clear();
  });

  /** In front of the nodes, when all of them passed a check. */
  async function inFrontOf(nodes: readonly RpcNode[], wish: Wish = {}) {
    const haproxy = await startHaproxy((ports) => configOf(ports, nodes, wish));
    started.add(haproxy);
    await Promise.all(nodes.map(({ name }) => haproxy.sees(name, 'up')));
    return haproxy;
  }

  const tally = async (port: number, count: number) => {
    const callers = startCallers(port, 4);
    await callers.answeredMore(count);
    await callers.stop();
    expect(callers.failures).toEqual([]);
    return callers.answers;
  };

  const checks: readonly Check[] = [
    { kind: 'tcp', intervalSeconds: 10 },
    { kind: 'http', path: `/a'b"c\\$HOME#é`, status: 204, intervalSeconds: 300 },
    {
      kind: 'jsonRpc',
      path: '/',
      method: `'"\\$X\0é`,
      params: [{ "it's": '#' }],
      result: [`x'"/\\<é😀.`, 1.5e30, null, { a: true }],
      intervalSeconds: 5,
    },
    { kind: 'jsonRpc', path: '/', method: 'm', params: ['x'.repeat(8_000)], intervalSeconds: 5 },
  ];

  test.each(ALGORITHMS)('accepts, without a warning, every shape of %s', async (algorithm) => {
    const shapes = checks.flatMap((check) =>
      (['TCP', 'HTTP'] as const).flatMap((protocol) =>
        [['0.0.0.0/0'], ['0.0.0.0/0', '::/0'], ['10.0.0.0/8', 'fd00::/8'], []].map((sourceRanges) => ({
          protocol,
          sourceRanges,
          check,
        })),
      ),
    );
    const balancing: Balancing = {
      stats: { address: '::1', port: 8404 },
      drainSeconds: 0,
      ports: shapes.map((shape, at) => ({
        ...shape,
        port: 1000 + at,
        algorithm,
        servers: [
          { name: 'a', address: '10.0.0.1', port: 1 },
          { name: 'b:1.x-y_z', address: 'fd00::1', port: 65_535, weight: 256, checkPort: 80 },
          { name: 'c', address: 'localhost', port: 80, weight: 0 },
        ].slice(0, at % 4),
      })),
    };
    expect(await verdict(renderHaproxy(balancing))).not.toMatch(/WARNING|ALERT/);
  });

  test('shares the calls of one connection round robin', async () => {
    const nodes = await startNodes('a', 'b', 'c');
    const { ports } = await inFrontOf(nodes);

    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const names = await inTurn(9, () => call(ports.front, agent));

    expect(names.slice(3)).toEqual(names.slice(0, -3));
    expect(new Set(names).size).toBe(3);
  });

  test('gives each of three equal nodes a third, within 5 percent of it', async () => {
    const nodes = await startNodes('a', 'b', 'c');
    const { ports } = await inFrontOf(nodes);
    const shares = await tally(ports.front, 3_000);
    const total = [...shares.values()].reduce((sum, count) => sum + count, 0);
    for (const { name } of nodes) {
      const third = total / 3;
      expect(Math.abs((shares.get(name) ?? 0) - third)).toBeLessThan(0.05 * third);
    }
  });

  test('shares by weight under Weighted, and gives nothing to a weight of zero', async () => {
    const nodes = await startNodes('a', 'b', 'c');
    const { ports } = await inFrontOf(nodes, { algorithm: 'Weighted', weights: [3, 1, 0] });
    const shares = await tally(ports.front, 800);
    expect(shares.get('c')).toBeUndefined();
    expect((shares.get('a') ?? 0) / (shares.get('b') ?? 0)).toBeCloseTo(3, 0);
  });

  test('stays with one node for one client under Source', async () => {
    const nodes = await startNodes('a', 'b', 'c');
    const { ports } = await inFrontOf(nodes, { algorithm: 'Source' });
    expect((await tally(ports.front, 50)).size).toBe(1);
  });

  test('goes to the idle node under LeastConnections', async () => {
    const nodes = await startNodes('a', 'b');
    const { ports } = await inFrontOf(nodes, { algorithm: 'LeastConnections' });
    nodes[0]?.setDelay(2_000);
    const shares = await tally(ports.front, 200);
    expect(shares.get('b')).toBeGreaterThan(5 * (shares.get('a') ?? 0));
  });

  test('uses all nodes under Random', async () => {
    const nodes = await startNodes('a', 'b', 'c');
    const { ports } = await inFrontOf(nodes, { algorithm: 'Random' });
    expect((await tally(ports.front, 300)).size).toBe(3);
  });

  test('uses the first node that is up under First, and comes back to it', async () => {
    const [a, b, c] = await startNodes('a', 'b', 'c');
    const nodes = [a, b, c].filter((node) => node !== undefined);
    const haproxy = await inFrontOf(nodes, { algorithm: 'First' });
    expect(await tally(haproxy.ports.front, 20).then((shares) => [...shares.keys()])).toEqual(['a']);
    a?.setHealth('unwell');
    await haproxy.sees('a', 'down');
    expect(await tally(haproxy.ports.front, 20).then((shares) => [...shares.keys()])).toEqual(['b']);
    a?.setHealth('well');
    await haproxy.sees('a', 'up');
    expect(await tally(haproxy.ports.front, 20).then((shares) => [...shares.keys()])).toEqual(['a']);
  });

  test('lets WebSockets through, in an HTTP and in a TCP port', async () => {
    const nodes = await startNodes('a');
    for (const protocol of ['HTTP', 'TCP'] as const) {
      const { ports } = await inFrontOf(nodes, { protocol });
      expect(await echoed(ports.front, 'hello'), protocol).toBe('hello');
    }
  });

  test('takes no connection from whom it may not', async () => {
    const nodes = await startNodes('a');
    const refuse = (ports: Ports) => configOf(ports, nodes).replace('reject unless allowed', '');
    const haproxy = await startHaproxy((ports) =>
      refuse(ports).replace(
        /(bind 0\.0\.0\.0:[0-9]+\n)/,
        '$1  acl allowed src 192.0.2.0/24\n  tcp-request connection reject unless allowed\n',
      ),
    );
    started.add(haproxy);
    await expect(call(haproxy.ports.front)).rejects.toThrow();
  });

  test.each([
    ['an error in place of a result', 'unwell', 'L7'],
    ['no answer', 'unanswered', 'L7TOUT'],
  ] as const)('takes out a node whose health call gets %s, and takes it back', async (_, trouble, reason) => {
    const nodes = await startNodes('a', 'b');
    const haproxy = await inFrontOf(nodes);
    nodes[0]?.setHealth(trouble);
    await haproxy.sees('a', 'down');
    const told = (await haproxy.stats()).find(({ server }) => server === 'a');
    expect(told?.reason).toContain(reason);
    expect([...(await tally(haproxy.ports.front, 50)).keys()]).toEqual(['b']);
    nodes[0]?.setHealth('well');
    await haproxy.sees('a', 'up');
    expect((await tally(haproxy.ports.front, 50)).size).toBe(2);
  });

  test.each(['HTTP', 'TCP'] as const)(
    'fails nothing but what a killed node was working on: %s',
    async (protocol) => {
      const nodes = await startNodes('a', 'b', 'c');
      const haproxy = await inFrontOf(nodes, { protocol, check: { ...health, intervalSeconds: 60 } });
      const callers = startCallers(haproxy.ports.front, 8);
      await callers.answeredMore(500);
      await nodes[0]?.kill();
      await callers.answeredMore(2_000);
      await callers.stop();
      expect(callers.failures.length).toBeLessThanOrEqual(8);
      // Requests find it out by themselves. Open TCP connections are somewhere else by now, and ask no more.
      if (protocol === 'HTTP') await haproxy.sees('a', 'down');
    },
  );

  test('fails no call while nodes come and go by reloads', async () => {
    const [a, b, c, d] = await startNodes('a', 'b', 'c', 'd');
    const all = [a, b, c, d].filter((node) => node !== undefined);
    const haproxy = await inFrontOf(all.slice(0, 3));
    const callers = startCallers(haproxy.ports.front, 8);
    for (const nodes of [all.slice(0, 2), all, all.slice(1), all]) {
      await callers.answeredMore(300);
      await haproxy.reload(configOf(haproxy.ports, nodes));
    }
    await callers.answeredMore(300);
    await callers.stop();
    expect(callers.failures).toEqual([]);
    expect(callers.answers.get('d')).toBeGreaterThan(0);
  });

  test('gives a node that left nothing new, lets it finish, and cuts it off after the drain time', async () => {
    const [a, b] = await startNodes('a', 'b');
    const both = [a, b].filter((node) => node !== undefined);
    const haproxy = await inFrontOf(both, { drainSeconds: 2 });
    const socket = await open(haproxy.ports.front);
    onTestFinished(() => socket.close());
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    a?.setDelay(1_000);
    b?.setDelay(1_000);
    const slow = [call(haproxy.ports.front), call(haproxy.ports.front)];
    await expect
      .poll(async () => (await haproxy.stats()).map(({ sessions }) => sessions).toSorted())
      .toEqual([1, 2]);
    await haproxy.reload(configOf(haproxy.ports, both.slice(1), { drainSeconds: 2 }));
    const reloadedAt = performance.now();
    b?.setDelay(0);
    expect([...(await tally(haproxy.ports.front, 50)).keys()]).toEqual(['b']);
    expect((await Promise.all(slow)).toSorted()).toEqual(['a', 'b']);
    await closed;
    expect(performance.now() - reloadedAt).toBeLessThan(4_000);
  });

  test('ends in its own way on SIGUSR1: what is under way is answered', async () => {
    const nodes = await startNodes('a');
    const haproxy = await inFrontOf(nodes);
    nodes[0]?.setDelay(500);
    const slow = call(haproxy.ports.front);
    await expect.poll(async () => (await haproxy.stats())[0]?.sessions).toBe(1);
    started.delete(haproxy);
    await haproxy.stop('SIGUSR1');
    expect(await slow).toBe('a');
  });

  test('is ready when a server can be reached, and alive before', async () => {
    const [a] = await startNodes('a');
    const nodes = [a].filter((node) => node !== undefined);
    const haproxy = await startHaproxy((ports) => configOf(ports, []));
    started.add(haproxy);
    const ask = async (path: string) =>
      (await fetch(`http://127.0.0.1:${haproxy.ports.stats}${path}`)).status;
    expect([await ask(ALIVE_PATH), await ask(READY_PATH)]).toEqual([200, 503]);
    await haproxy.reload(configOf(haproxy.ports, nodes));
    expect([await ask(ALIVE_PATH), await ask(READY_PATH)]).toEqual([200, 200]);
  });

  test('starts with a name that has no address yet, and says so of it', async () => {
    const nodes = await startNodes('a');
    const haproxy = await startHaproxy((ports) =>
      configOf(ports, nodes).replace(
        /(\n {2}server a )(.*)/,
        '$1$2\n  server b no-such-name.invalid:80 init-addr last,libc,none',
      ),
    );
    started.add(haproxy);
    await haproxy.sees('a', 'up');
    expect((await haproxy.stats()).map(({ server, status }) => [server, status])).toContainEqual([
      'b',
      'maint',
    ]);
    expect(await call(haproxy.ports.front)).toBe('a');
  });
});

/** What `haproxy -c` says; rejects when it refuses. */
async function verdict(config: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-haproxy-'));
  try {
    await writeFile(join(dir, 'haproxy.cfg'), config);
    const run = promisify(execFile);
    const { stdout, stderr } = await run(haproxyPath() ?? 'haproxy', ['-c', '-f', join(dir, 'haproxy.cfg')]);
    return stdout + stderr;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function inTurn<T>(times: number, run: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let at = 0; at < times; at++) {
    results.push(await run());
  }
  return results;
}

async function open(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  return socket;
}

async function echoed(port: number, text: string): Promise<unknown> {
  const socket = await open(port);
  const answer = new Promise<unknown>((resolve) =>
    socket.addEventListener('message', ({ data }) => resolve(data)),
  );
  socket.send(text);
  try {
    return await answer;
  } finally {
    socket.close();
  }
}
