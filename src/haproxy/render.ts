/** The configuration of an HAProxy, 2.4 or newer. */
import type { Algorithm, BalancedPort, Balancing, Check, Server } from './balancing.ts';
import { answerPattern } from './json-pattern.ts';
import {
  cidr,
  endpoint,
  isDnsName,
  isIPv6Range,
  portNumber,
  quote,
  serverName,
  wholeNumber,
} from './quote.ts';

/** Name of the proxy of a port, as the statistics tell it. */
export const poolOf = (port: number): string => `port-${port}`;

/** Where the statistics' port answers 200 as long as the process takes connections. */
export const ALIVE_PATH = '/alive';
/** Where it answers 200 while some port has a server that is up, and 503 otherwise. */
export const READY_PATH = '/ready';

/** Words of a line are limited to 64, and all ranges of one list are alternatives. */
const RANGES_PER_LINE = 32;

/**
 * The text of the configuration file. Equal input gives equal text, so a change of text is a reason to reload. Throws a
 * RangeError on a name, address, range or number that could not stand in it.
 *
 * What becomes of requests in trouble: a connection that could not be opened is tried at once on the next server. A request
 * that was sent and not answered fails: a JSON-RPC call is a POST and may have been carried out.
 *
 * At a reload the new process takes over the listening sockets; the old one ends its keep-alive connections with their next
 * answer and is gone after `drainSeconds`.
 */
export function renderHaproxy(balancing: Balancing): string {
  const sections = [
    globals(balancing.drainSeconds),
    ...(hasNames(balancing) ? [RESOLVERS] : []),
    DEFAULTS,
    stats(balancing),
    ...balancing.ports.map(listen),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function globals(drainSeconds: number): readonly string[] {
  return [
    'global',
    '  maxconn 8000',
    // A lower limit of open files makes it take fewer connections, and is no reason not to start.
    '  no strict-limits',
    `  hard-stop-after ${Math.max(1, wholeNumber(drainSeconds, { from: 0, to: 86_400 }))}s`,
    // Servers start as up until one check fails; so the first check of all is soon.
    '  max-spread-checks 500',
    '  spread-checks 5',
  ];
}

/** Names are asked for again all the time. While no name server answers, the last known addresses stay. */
const RESOLVERS: readonly string[] = [
  'resolvers names',
  '  parse-resolv-conf',
  '  accepted_payload_size 4096',
  '  timeout resolve 2s',
  '  timeout retry 1s',
  '  hold valid 5s',
  '  hold obsolete 30s',
  '  hold nx 60s',
  '  hold timeout 24h',
  '  hold refused 24h',
  '  hold other 24h',
];

/** Servers that go down and come up are told on standard error without a `log`, which would cost each request its part. */
const DEFAULTS: readonly string[] = [
  'defaults',
  '  option redispatch 1',
  '  retries 3',
  '  timeout connect 1s',
  '  timeout queue 5s',
  '  timeout client 5m',
  '  timeout server 5m',
  '  timeout client-fin 30s',
  '  timeout server-fin 30s',
  // Connections that are passed through, and WebSockets.
  '  timeout tunnel 1h',
  '  option clitcpka',
  '  option srvtcpka',
];

function stats({ stats: { address, port }, ports }: Balancing): readonly string[] {
  return [
    'frontend stats',
    '  mode http',
    `  bind ${bindAddress(address, port)}`,
    '  timeout client 10s',
    `  monitor-uri ${ALIVE_PATH}`,
    ...ports.map((balanced) => `  acl serving nbsrv(${poolOf(balanced.port)}) gt 0`),
    ...(ports.length > 0 ? [`  http-request return status 200 if { path ${READY_PATH} } serving`] : []),
    `  http-request return status 503 if { path ${READY_PATH} }`,
    '.if feature(PROMEX)',
    '  http-request use-service prometheus-exporter if { path /metrics }',
    '.endif',
    '  stats enable',
    '  stats uri /',
  ];
}

function bindAddress(address: string, port: number): string {
  if (isDnsName(address)) {
    throw new RangeError(`no IP address: ${JSON.stringify(address)}`);
  }
  return endpoint(address, port);
}

function listen(port: BalancedPort): readonly string[] {
  return [
    `listen ${poolOf(portNumber(port.port))}`,
    `  mode ${port.protocol === 'HTTP' ? 'http' : 'tcp'}`,
    ...bind(port),
    ...(port.protocol === 'HTTP' ? HTTP : []),
    ...BALANCE[port.algorithm].map((line) => `  ${line}`),
    ...check(port.check),
    `  default-server ${SERVER} ${inter(port.check.intervalSeconds)}`,
    ...servers(port),
  ];
}

function bind({ port, sourceRanges }: BalancedPort): readonly string[] {
  const isIPv6 = sourceRanges.some(isIPv6Range);
  const bound = `  bind ${isIPv6 ? `[::]:${port} v4v6` : `0.0.0.0:${port}`}`;
  const everybody = sourceRanges.includes('0.0.0.0/0') && (!isIPv6 || sourceRanges.includes('::/0'));
  if (everybody) {
    return [bound];
  }
  const ranges = sourceRanges.map(cidr);
  const lists = Array.from({ length: Math.ceil(ranges.length / RANGES_PER_LINE) }, (_, at) =>
    ranges.slice(at * RANGES_PER_LINE, (at + 1) * RANGES_PER_LINE),
  );
  return [
    bound,
    ...lists.map((list) => `  acl allowed src ${list.join(' ')}`),
    `  tcp-request connection reject${lists.length > 0 ? ' unless allowed' : ''}`,
  ];
}

const HTTP: readonly string[] = [
  '  option http-keep-alive',
  '  http-reuse safe',
  '  timeout http-keep-alive 75s',
  '  timeout http-request 30s',
  '  option forwardfor',
  // A process that is on its way out would close idle connections right when clients send on them.
  '.if version_atleast(2.4.13)',
  '  option idle-close-on-response',
  '.endif',
];

const BALANCE = {
  RoundRobin: ['balance roundrobin'],
  LeastConnections: ['balance leastconn'],
  Weighted: ['balance roundrobin'],
  Random: ['balance random(2)'],
  Source: ['balance source', 'hash-type consistent'],
  // The first one that is up; all others are backups, of which only the first that is up gets anything.
  First: ['balance roundrobin'],
} as const satisfies Record<Algorithm, readonly string[]>;

/** A server that refuses connections is out after three of them, without waiting for its checks. */
const SERVER =
  'check fall 3 rise 2 observe layer4 error-limit 3 on-error mark-down on-marked-down shutdown-sessions';

function inter(intervalSeconds: number): string {
  const seconds = wholeNumber(intervalSeconds, { from: 1, to: 3600 });
  return `inter ${seconds}s fastinter 1s downinter ${Math.min(seconds, 2)}s`;
}

function check(wanted: Check): readonly string[] {
  const timeout = `  timeout check ${Math.max(2, Math.min(wanted.intervalSeconds, 5))}s`;
  switch (wanted.kind) {
    case 'tcp':
      return [timeout];
    case 'http':
      return [
        timeout,
        '  option httpchk',
        `  http-check send meth GET uri ${uri(wanted.path)} ver HTTP/1.1 hdr Host localhost`,
        `  http-check expect status ${wholeNumber(wanted.status, { from: 100, to: 599 })}`,
      ];
    case 'jsonRpc':
      return [
        timeout,
        '  option httpchk',
        // Nodes that look at the host name to keep web pages out let this one through.
        `  http-check send meth POST uri ${uri(wanted.path)} ver HTTP/1.1 hdr Host localhost hdr Content-Type application/json body ${quote(call(wanted))}`,
        '  http-check expect status 200',
        `  http-check expect rstring ${quote(answerPattern(wanted.result))}`,
      ];
  }
}

function uri(path: string): string {
  if (!/^\/\S*$/.test(path)) {
    throw new RangeError(`not a path: ${JSON.stringify(path)}`);
  }
  return quote(path.replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent));
}

/** In ASCII, so that no byte of it can be misread. */
function call({ method, params }: Extract<Check, { kind: 'jsonRpc' }>): string {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: params ?? [] });
  return text.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function servers({ algorithm, servers: all }: BalancedPort): readonly string[] {
  const ids = algorithm === 'Source' ? stableIds(all.map(({ name }) => name)) : undefined;
  const names = new Set<string>();
  return all.map((server, position) => {
    if (names.has(server.name)) {
      throw new RangeError(`two servers are named ${server.name}`);
    }
    names.add(server.name);
    const words = [
      `  server ${serverName(server.name)} ${endpoint(server.address, server.port)}`,
      ...(ids ? [`id ${ids.get(server.name)}`] : []),
      ...(algorithm === 'First' && position > 0 ? ['backup'] : []),
      ...(server.weight === undefined || algorithm === 'First' ? [] : [weight(server.weight)]),
      ...(server.checkPort === undefined ? [] : [`port ${portNumber(server.checkPort)}`]),
      ...(isDnsName(server.address) ? ['resolvers names init-addr last,libc,none'] : []),
    ];
    return words.join(' ');
  });
}

const weight = (share: number) => `weight ${wholeNumber(share, { from: 0, to: 256 })}`;

/**
 * A consistent hash goes by the servers' ids, which otherwise are their positions: one server less in front would then move
 * the clients of all that follow.
 */
function stableIds(names: readonly string[]): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  for (const name of names.toSorted()) {
    let id = fnv1a(name);
    while (taken.has(id) || id === 0) {
      id = (id + 1) % ID_LIMIT;
    }
    taken.add(id);
    ids.set(name, id);
  }
  return ids;
}

/** HAProxy's ids are positive and signed. */
const ID_LIMIT = 2 ** 31;

/** http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0) % ID_LIMIT;
}

function hasNames({ ports }: Balancing): boolean {
  return ports.some(({ servers: all }) => all.some(({ address }: Server) => isDnsName(address)));
}
