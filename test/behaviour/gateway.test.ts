import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { API_VERSION } from '../../src/api/common.ts';
import { network } from '../../src/api/network.ts';
import { renderHaproxy } from '../../src/haproxy/render.ts';
import { gatewayPods } from '../../src/planning/gateway.ts';
import { type GatewayPlace, poolOf } from '../../src/planning/gateway-pool.ts';
import { gatewayPorts } from '../../src/planning/gateway-ports.ts';
import { type Haproxy, haproxyPath, type Ports, startHaproxy } from './haproxy-process.ts';
import { call, startCallers } from './rpc-callers.ts';
import { type RpcNode, startRpcNode } from './rpc-node.ts';

type Members = Readonly<Record<string, unknown>>;

/** One placement: a balancer and its nodes. Two balancers cannot have one port here, so each has a host of its own. */
interface Placement {
  readonly place: GatewayPlace;
  readonly nodes: readonly RpcNode[];
  readonly haproxy: Haproxy;
  /** Which nodes its balancer goes to. */
  balance(nodes: readonly RpcNode[]): Promise<void>;
}

/** Where the balancers listen; the kernel gives all of 127.0.0.0/8 to the loopback. */
const balancerPort = 18_545;

describe.skipIf(!haproxyPath())('a gateway before the balancers of two placements', () => {
  const running = new Set<Haproxy>();

  afterEach(async () => {
    await Promise.all(Array.from(running, (haproxy) => haproxy.stop()));
    running.clear();
  });

  async function startPlacement(name: string, host: string, count: number): Promise<Placement> {
    const nodes = await Promise.all(Array.from({ length: count }, (_, at) => startRpcNode(`${name}-${at}`)));
    onTestFinished(async () => {
      await Promise.all(nodes.map((node) => node.kill()));
    });
    const configOf = (ports: Pick<Ports, 'stats'>, members: readonly RpcNode[]) =>
      renderHaproxy({
        stats: { address: '127.0.0.1', port: ports.stats },
        drainSeconds: 10,
        ports: [
          {
            port: balancerPort,
            protocol: 'HTTP',
            algorithm: 'RoundRobin',
            sourceRanges: ['0.0.0.0/0'],
            check: { kind: 'jsonRpc', path: '/', method: 'health', intervalSeconds: 5 },
            servers: members.map((node) => ({ name: node.name, address: '127.0.0.1', port: node.port })),
          },
        ],
      }).replace(`bind 0.0.0.0:${balancerPort}`, `bind ${host}:${balancerPort}`);
    const haproxy = await startHaproxy((ports) => configOf(ports, nodes));
    running.add(haproxy);
    await Promise.all(nodes.map((node) => haproxy.sees(node.name, 'up')));
    return {
      nodes,
      haproxy,
      balance: (members) => haproxy.reload(configOf(haproxy.ports, members)),
      place: { name, region: host, desired: count, ready: count, address: host },
    };
  }

  /** The text of the ConfigMap as it stands, on ports of this test. */
  function configOf(ports: Ports, placements: readonly Placement[], gateway: Members): string {
    const parsed = network.parse({
      apiVersion: API_VERSION,
      kind: 'Network',
      metadata: {
        name: 'dev',
        namespace: 'chains',
        uid: 'u',
        resourceVersion: '1',
        generation: 1,
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      spec: {
        client: {
          image: 'a',
          ports: [{ name: 'rpc', port: 8545 }],
          health: { jsonRpc: { port: 'rpc', method: 'health', result: { ok: true } } },
        },
        placements: placements.map(({ place }) => ({
          name: place.name,
          credentialRef: { name: 'aws' },
          aws: { region: 'us-east-1', instanceType: 't3.small' },
        })),
        balancer: { type: 'Application', ports: [{ port: balancerPort, targetPort: 'rpc' }] },
        gateway: { ports: [{ port: ports.front, balancerPort }], ...gateway },
      },
    });
    expect(gatewayPorts(parsed.spec)).toMatchObject([{ listen: ports.front, protocol: 'HTTP' }]);
    const pool = poolOf(
      parsed.spec.gateway?.algorithm ?? 'RoundRobin',
      placements.map(({ place }) => place),
    );
    const pods = gatewayPods({ network: parsed, pool, families: ['IPv4'] });
    const data: unknown = pods?.configMap.data;
    if (typeof data !== 'object' || data === null || !('haproxy.cfg' in data))
      throw new Error('no configuration');
    return String(data['haproxy.cfg']).replace(/bind 0\.0\.0\.0:8404/, `bind 127.0.0.1:${ports.stats}`);
  }

  async function stage(gateway: Members = {}, counts: readonly [number, number] = [3, 2]) {
    const placements = [
      await startPlacement('virginia', '127.0.0.2', counts[0]),
      await startPlacement('ireland', '127.0.0.3', counts[1]),
    ] as const;
    const haproxy = await startHaproxy((ports) => configOf(ports, placements, gateway));
    running.add(haproxy);
    await Promise.all(placements.map(({ place }) => haproxy.sees(place.name, 'up')));
    return { placements, haproxy, port: haproxy.ports.front };
  }

  /** Shares of the placements in so many calls. */
  async function shares(port: number, count: number): Promise<ReadonlyMap<string, number>> {
    const callers = startCallers(port, 4);
    await callers.answeredMore(count);
    await callers.stop();
    expect(callers.failures).toEqual([]);
    const sums = new Map<string, number>();
    for (const [node, calls] of callers.answers) {
      const placement = node.split('-')[0] ?? '';
      sums.set(placement, (sums.get(placement) ?? 0) + calls);
    }
    return sums;
  }

  test('gives both placements the same under RoundRobin, however many nodes they have', async () => {
    const { port } = await stage();
    const { virginia = 0, ireland = 0 } = Object.fromEntries(await shares(port, 1_200));
    expect(Math.abs(virginia - ireland)).toBeLessThan(0.05 * (virginia + ireland));
  });

  test('gives a placement what its nodes are under Weighted', async () => {
    const { port } = await stage({ algorithm: 'Weighted' }, [3, 1]);
    const { virginia = 0, ireland = 0 } = Object.fromEntries(await shares(port, 1_200));
    expect(virginia / (virginia + ireland)).toBeCloseTo(0.75, 1);
  });

  test('goes to the first placement under First, to the second while that is down, and back', async () => {
    const { port, placements, haproxy } = await stage({
      algorithm: 'First',
      check: { jsonRpc: { method: 'health' }, intervalSeconds: 1 },
    });
    const [virginia] = placements;
    expect([...(await shares(port, 50)).keys()]).toEqual(['virginia']);
    for (const node of virginia.nodes) node.setHealth('unwell');
    await haproxy.sees('virginia', 'down');
    expect([...(await shares(port, 50)).keys()]).toEqual(['ireland']);
    for (const node of virginia.nodes) node.setHealth('well');
    await haproxy.sees('virginia', 'up');
    expect([...(await shares(port, 50)).keys()]).toEqual(['virginia']);
  });

  test('lets WebSockets through both', async () => {
    const { port } = await stage();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    onTestFinished(() => socket.close());
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    const answer = new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data)));
    socket.send('hello');
    expect(await answer).toBe('hello');
  });

  test('loses no more than what was under way when a node is killed, and no second', async () => {
    const { port, placements } = await stage();
    const callers = startCallers(port, 8);
    await callers.answeredMore(1_000);
    await placements[0].nodes[0]?.kill();
    await callers.answeredMore(3_000);
    await callers.stop();
    expect(callers.failures.length).toBeLessThanOrEqual(8);
  });

  test('loses no more than what was sent to a balancer that is killed', async () => {
    const { port, placements } = await stage();
    const callers = startCallers(port, 8);
    await callers.answeredMore(1_000);
    running.delete(placements[0].haproxy);
    await placements[0].haproxy.stop('SIGKILL');
    await callers.answeredMore(2_000);
    await callers.stop();
    // Of each caller the call under way, and one sent on a connection that was kept open to who is gone.
    expect(callers.failures.length).toBeLessThanOrEqual(16);
  });

  test('fails no call while a placement scales from three to two to three', async () => {
    const { port, placements } = await stage();
    const [{ nodes, balance }] = placements;
    const callers = startCallers(port, 8);
    for (const members of [nodes.slice(0, 2), nodes, nodes.slice(1), nodes]) {
      await callers.answeredMore(300);
      await balance(members);
    }
    await callers.answeredMore(500);
    await callers.stop();
    expect(callers.failures).toEqual([]);
  });

  test('answers what is under way when a Pod ends', async () => {
    const { port, placements, haproxy } = await stage();
    const slow = placements.flatMap(({ nodes }) => nodes);
    for (const node of slow) node.setDelay(300);
    const underWay = Array.from({ length: 6 }, () => call(port));
    await expect
      .poll(async () => (await haproxy.stats()).reduce((sum, { sessions }) => sum + sessions, 0))
      .toBe(6);
    running.delete(haproxy);
    await haproxy.stop('SIGUSR1');
    expect((await Promise.all(underWay)).every((name) => /^(virginia|ireland)-/.test(name))).toBe(true);
  });
});
