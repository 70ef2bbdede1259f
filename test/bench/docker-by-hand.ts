/** The same hops as somebody would write them who has no operator. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { type Haproxy, startHaproxy } from '../behaviour/haproxy-process.ts';
import { docker } from '../support/docker-cli.ts';
import type { Engine } from '../support/engine.ts';

export interface ByHand {
  /** Of an HAProxy on this host, which goes to one in a container, which goes to the nodes. */
  readonly twoHops: number;
  /** Of an HAProxy on this host that goes to the nodes. */
  readonly oneHop: number;
  stop(): Promise<void>;
}

interface Server {
  readonly name: string;
  readonly address: string;
}

const check = [
  '  option httpchk',
  '  http-check send meth POST uri / ver HTTP/1.1 hdr Host localhost hdr Content-Type application/json body "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"method\\":\\"eth_chainId\\",\\"params\\":[]}"',
  '  http-check expect status 200',
];

function config(port: number, servers: readonly Server[]): string {
  const lines = [
    'global',
    '  maxconn 4000',
    'defaults',
    '  mode http',
    '  timeout connect 1s',
    '  timeout client 5m',
    '  timeout server 5m',
    'listen rpc',
    `  bind 0.0.0.0:${port}`,
    '  balance roundrobin',
    '  option http-keep-alive',
    ...check,
    ...servers.map(({ name, address }) => `  server ${name} ${address} check inter 5s`),
  ];
  return `${lines.join('\n')}\n`;
}

const alive = (port: number) =>
  `frontend stats\n  bind 127.0.0.1:${port}\n  monitor-uri /alive\n  http-request return status 404\n`;

export async function startByHand(options: {
  readonly engine: Engine;
  readonly image: string;
  /** The nodes' addresses in a network of the engine. */
  readonly nodes: readonly string[];
  readonly network: string;
}): Promise<ByHand> {
  const { engine, image, nodes, network } = options;
  const servers = nodes.map((address, at) => ({ name: `node-${at}`, address: `${address}:8545` }));
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'peerage-bench-'));
  const file = join(dir, 'haproxy.cfg');
  await writeFile(file, config(port, servers), { mode: 0o644 });
  const container = await docker(engine, [
    ...['create', `--network=${network}`, `--publish=127.0.0.1:${port}:${port}`, '--entrypoint=haproxy'],
    ...[image, '-W', '-db', '-f', '/tmp/haproxy.cfg'],
  ]);
  await docker(engine, ['cp', file, `${container}:/tmp/haproxy.cfg`]);
  await docker(engine, ['start', container]);
  await rm(dir, { recursive: true });
  const gateway = (to: readonly Server[]) =>
    startHaproxy((ports) => `${config(ports.front, to)}${alive(ports.stats)}`);
  const hops: readonly (Haproxy & { readonly ports: { readonly front: number } })[] = [
    await gateway([{ name: 'balancer', address: `127.0.0.1:${port}` }]),
    await gateway(servers),
  ];
  const [two, one] = hops;
  return {
    twoHops: two?.ports.front ?? 0,
    oneHop: one?.ports.front ?? 0,
    stop: async () => {
      await Promise.all(hops.map((hop) => hop.stop()));
      await docker(engine, ['rm', '--force', container]);
    },
  };
}
