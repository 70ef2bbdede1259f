/** What a gateway's ports mean: where clients come in, what is spoken, whom it goes to, and how health is seen. Pure. */
import type { NetworkSpec } from '../api/network.ts';
import type { Check } from '../haproxy/balancing.ts';

export interface GatewayPort {
  /** Where clients connect to the Service. */
  readonly port: number;
  /** Where the Pods listen: nobody may open ports below 1024 in them. */
  readonly listen: number;
  readonly balancerPort: number;
  readonly protocol: 'TCP' | 'HTTP';
  readonly check: Check;
  /** Port of the balancer that the check asks. Absent: `balancerPort`. */
  readonly checkPort?: number;
}

interface BalancerPort {
  readonly port: number;
  /** Name in `client.ports`. */
  readonly target: string;
  readonly speaks: 'TCP' | 'TLS' | 'HTTP' | 'HTTPS';
}

const FIRST_FREE = 1024;
const defaultIntervalSeconds = 5;

/** Empty where nothing but UDP is balanced. */
export function gatewayPorts(spec: NetworkSpec): readonly GatewayPort[] {
  const behind = balancerPorts(spec);
  const wished: NonNullable<NonNullable<NetworkSpec['gateway']>['ports']> =
    spec.gateway?.ports ?? behind.map(({ port }) => ({ port }));
  const ports = wished.flatMap(({ port, balancerPort = port, protocol }) => {
    const to = behind.find((one) => one.port === balancerPort);
    return to === undefined ? [] : [{ port, balancerPort, protocol: protocol ?? spoken(spec, to) }];
  });
  const listening = listenPorts(ports.map(({ port }) => port));
  return ports.map((port) => ({
    ...port,
    listen: listening.get(port.port) ?? port.port,
    ...checkOf(spec, port, { ports, behind }),
  }));
}

/** A port that none of them has. */
export function freePort(from: number, taken: ReadonlySet<number>): number {
  let port = from;
  while (taken.has(port)) {
    port = port < 65_535 ? port + 1 : FIRST_FREE;
  }
  return port;
}

function balancerPorts({ client, balancer }: NetworkSpec): readonly BalancerPort[] {
  return (balancer?.ports ?? []).flatMap(({ port, targetPort: target, protocol }) => {
    const own = client.ports?.find(({ name }) => name === target)?.protocol ?? 'TCP';
    const speaks = protocol ?? (balancer?.type === 'Application' ? 'HTTP' : own);
    return speaks === 'UDP' ? [] : [{ port, target, speaks }];
  });
}

function spoken(spec: NetworkSpec, { speaks, target }: BalancerPort): 'TCP' | 'HTTP' {
  return speaks === 'HTTP' || (speaks === 'TCP' && askedPort(spec) === target) ? 'HTTP' : 'TCP';
}

/** The port of the client that answers requests, as far as its health check tells. */
const askedPort = ({ client: { health } }: NetworkSpec) => (health?.http ?? health?.jsonRpc)?.port;

function listenPorts(ports: readonly number[]): ReadonlyMap<number, number> {
  const taken = new Set(ports.filter((port) => port >= FIRST_FREE));
  const listening = new Map<number, number>();
  for (const port of ports) {
    const listen = port >= FIRST_FREE ? port : freePort(10_000 + port, taken);
    taken.add(listen);
    listening.set(port, listen);
  }
  return listening;
}

interface Around {
  readonly ports: readonly Pick<GatewayPort, 'balancerPort' | 'protocol'>[];
  readonly behind: readonly BalancerPort[];
}

/** A port that passes bytes on is as healthy as the one that answers requests. */
function checkOf(
  spec: NetworkSpec,
  { balancerPort, protocol }: Pick<GatewayPort, 'balancerPort' | 'protocol'>,
  { ports, behind }: Around,
): Pick<GatewayPort, 'check' | 'checkPort'> {
  const own = spec.gateway?.check;
  const intervalSeconds = own?.intervalSeconds ?? defaultIntervalSeconds;
  const asked =
    own === undefined
      ? behind.find(
          ({ target, speaks }) => target === askedPort(spec) && (speaks === 'TCP' || speaks === 'HTTP'),
        )?.port
      : protocol === 'HTTP'
        ? balancerPort
        : (ports.find((one) => one.protocol === 'HTTP')?.balancerPort ?? balancerPort);
  const request = asked === undefined ? undefined : requestOf(own ?? spec.client.health);
  if (asked === undefined || request === undefined) {
    return { check: { kind: 'tcp', intervalSeconds } };
  }
  return {
    check: { ...request, intervalSeconds },
    ...(asked === balancerPort ? {} : { checkPort: asked }),
  };
}

/** What `client.health` and `gateway.check` have in common. */
interface Health {
  readonly http?: { readonly path: string; readonly status: number };
  readonly jsonRpc?: {
    readonly path: string;
    readonly method: string;
    readonly params?: unknown;
    readonly result?: unknown;
  };
}
type Request =
  | ({ readonly kind: 'http' } & Required<Health>['http'])
  | ({ readonly kind: 'jsonRpc' } & Required<Health>['jsonRpc']);

function requestOf(health: Health | undefined): Request | undefined {
  if (health?.http !== undefined) {
    return { kind: 'http', path: health.http.path, status: health.http.status };
  }
  if (health?.jsonRpc === undefined) {
    return undefined;
  }
  const { path, method, params, result } = health.jsonRpc;
  return {
    kind: 'jsonRpc',
    path,
    method,
    ...(params === undefined ? {} : { params }),
    ...(result === undefined ? {} : { result }),
  };
}
