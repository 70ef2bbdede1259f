/** What an HAProxy in a container is told, and where it stands there. */
import type { BalancedPort, Balancing, Check, Server } from '../../../haproxy/balancing.ts';
import { poolOf, renderHaproxy } from '../../../haproxy/render.ts';
import { CloudError, type FabricWish } from '../../cloud.ts';

type BalancerWish = NonNullable<FabricWish['balancer']>;

const folder = '/etc/peerage';

export const FILES = {
  folder,
  /** What it reads when it starts or reloads. */
  loaded: `${folder}/haproxy.cfg`,
  /** What is to be checked before it becomes the one above. */
  candidate: `${folder}/candidate.cfg`,
  /** A copy of what it was told to reload last: after a crash between the two, it is told again. */
  applied: `${folder}/applied.cfg`,
  /** Who left with it or before, and may still have connections. */
  leaving: `${folder}/leaving.json`,
} as const;

/** Where only the container itself reaches it. */
const STATS_ADDRESS = '127.0.0.1';
const FIRST_STATS_PORT = 8404;

/** `addresses`: of running machines by id; a member without one cannot be told yet. */
export function configFor(wish: BalancerWish, addresses: ReadonlyMap<string, string>): string {
  const members = Array.from(new Set(wish.members))
    .sort()
    .flatMap((id) => {
      const address = addresses.get(id);
      return address === undefined ? [] : [{ id, address }];
    });
  const ports = portsOf(wish);
  const balancing: Balancing = {
    ports: ports.map(
      ({ port, targetPort, protocol }): BalancedPort => ({
        port,
        protocol: protocol === 'HTTP' ? 'HTTP' : 'TCP',
        algorithm: 'RoundRobin',
        sourceRanges: wish.sourceRanges,
        servers: members.map(
          ({ id, address }): Server => ({
            name: id,
            address,
            port: targetPort,
            ...(wish.health.port === targetPort ? {} : { checkPort: wish.health.port }),
          }),
        ),
        check: checkOf(wish.health),
      }),
    ),
    stats: { address: STATS_ADDRESS, port: statsPort(ports.map(({ port }) => port)) },
    drainSeconds: wish.drainSeconds,
  };
  try {
    return renderHaproxy(balancing);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CloudError({
      api: 'configuration',
      code: 'invalid',
      outcome: 'none',
      reason: 'NotBalanceable',
      message: cause.message,
      cause,
    });
  }
}

/** Those that it can serve. It ends no TLS, and carries no datagrams. */
export function portsOf({ ports }: BalancerWish): BalancerWish['ports'] {
  return ports.filter(({ protocol }) => protocol === 'TCP' || protocol === 'HTTP');
}

function checkOf({ protocol, path, status, call, intervalSeconds }: BalancerWish['health']): Check {
  if (call !== undefined) {
    return {
      kind: 'jsonRpc',
      path: call.path,
      method: call.method,
      ...(call.params === undefined ? {} : { params: call.params }),
      ...(call.result === undefined ? {} : { result: call.result }),
      intervalSeconds,
    };
  }
  if (protocol === 'TCP') return { kind: 'tcp', intervalSeconds };
  return { kind: 'http', path: path ?? '/', status: status ?? 200, intervalSeconds };
}

function statsPort(taken: readonly number[]): number {
  let port = FIRST_STATS_PORT;
  while (taken.includes(port)) port += 1;
  return port;
}

export interface Configured {
  /** By name as the statistics tell it: the servers in it. */
  readonly pools: ReadonlyMap<string, readonly string[]>;
  readonly statsPort: number | undefined;
}

/** What a configuration of ours says. */
export function readConfig(text: string): Configured {
  const pools = new Map<string, string[]>();
  let pool: string[] | undefined;
  let statsPort: number | undefined;
  for (const line of text.split('\n')) {
    const [word = '', second = ''] = line.trim().split(/\s+/);
    // A section begins at the start of a line; so does what chooses lines by version.
    if (/^[a-z]/.test(line)) {
      pool = undefined;
      if (word === 'listen' && second.startsWith(poolPrefix)) {
        pool = [];
        pools.set(second, pool);
      }
    } else if (word === 'server') pool?.push(second);
    else if (word === 'bind' && second.startsWith(`${STATS_ADDRESS}:`)) {
      statsPort = Number(second.slice(STATS_ADDRESS.length + 1));
    }
  }
  return { pools, statsPort };
}

const poolPrefix = poolOf(0).slice(0, -1);

/** Ids of all machines in it, each once. */
export function membersIn({ pools }: Configured): readonly string[] {
  return Array.from(new Set(Array.from(pools.values()).flat()));
}

/**
 * Prints the statistics. Debian's image has bash and nothing that speaks HTTP, Alpine's has wget and no bash.
 */
export function statsCommand(port: number): readonly string[] {
  return ['sh', '-c', STATS_SCRIPT, 'stats', String(port)];
}

const STATS_SCRIPT = `if command -v wget >/dev/null; then exec wget -q -O - "http://${STATS_ADDRESS}:$1/;csv"; fi
exec bash -c 'exec 3<>"/dev/tcp/${STATS_ADDRESS}/$1"
printf "GET /;csv HTTP/1.0\\r\\n\\r\\n" >&3
while IFS= read -r line <&3 && [ "$line" != $'"'\\r'"' ]; do :; done
exec cat <&3' stats "$1"`;

export const checkCommand = ['haproxy', '-c', '-f', FILES.candidate] as const;
/** In the foreground, with a master that takes the signal to reload: `haproxy -W -db`. */
export const RUN = { Entrypoint: ['haproxy'], Cmd: ['-W', '-db', '-f', FILES.loaded] } as const;
