/** The objects of the cluster that a Network's gateway is made of. Pure. */
import { API_VERSION } from '../api/common.ts';
import { ANNOTATIONS, gatewayName, LABELS } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import type { Algorithm } from '../haproxy/balancing.ts';
import { renderHaproxy } from '../haproxy/render.ts';
import { hash } from '../runtime/hash.ts';
import { CONFIG_FILE, deploymentSpec } from './gateway-pods.ts';
import type { Pool } from './gateway-pool.ts';
import { freePort, type GatewayPort, gatewayPorts } from './gateway-ports.ts';

/** Of one of the gateway's kinds, as server-side apply takes it; carries `ANNOTATIONS.wish`. */
export interface GatewayObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly { readonly uid: string }[];
  };
  readonly [member: string]: unknown;
}

export type Families = readonly ('IPv4' | 'IPv6')[];

export interface GatewayFacts {
  readonly network: Pick<Network, 'metadata' | 'spec'>;
  readonly pool: Pool;
  /** Of the Service: what its cluster speaks. */
  readonly families: Families;
}

/** First try for the port of statistics and probes; the next where clients have it. */
const STATS_PORT = 8404;

/** Undefined without a gateway, or without a port it could pass on. */
export function gatewayService({ network }: Pick<GatewayFacts, 'network'>): GatewayObject | undefined {
  const { gateway } = network.spec;
  const ports = gatewayPorts(network.spec);
  if (gateway === undefined || ports.length === 0) {
    return undefined;
  }
  const { type, annotations = {} } = gateway.service;
  return seal(network, {
    annotations,
    spec: {
      type,
      selector: podLabels(network),
      // The clients' own addresses: without it a Pod sees that of the machine that passed them on.
      ...(gateway.algorithm === 'Source' && type !== 'ClusterIP' && { externalTrafficPolicy: 'Local' }),
      ports: ports.map(({ port, listen }) => ({
        name: `port-${port}`,
        port,
        targetPort: listen,
        protocol: 'TCP',
      })),
    },
  });
}

/** What runs behind the Service. Undefined while no placement has a balancer. */
export function gatewayPods(facts: GatewayFacts):
  | {
      readonly configMap: GatewayObject;
      readonly deployment: GatewayObject;
      readonly disruptionBudget: GatewayObject;
    }
  | undefined {
  const { network, pool } = facts;
  const { gateway, balancer } = network.spec;
  const ports = gatewayPorts(network.spec);
  if (gateway === undefined || balancer === undefined || ports.length === 0 || pool.size === 0) {
    return undefined;
  }
  const config = gatewayConfig(facts);
  const labels = podLabels(network);
  return {
    configMap: seal(network, {
      annotations: { [ANNOTATIONS.pool]: formatPool(pool) },
      data: { [CONFIG_FILE]: config },
    }),
    deployment: seal(network, {
      spec: deploymentSpec({
        name: gatewayName(network.metadata.name),
        gateway,
        labels,
        configHash: hash(config),
        ports: ports.map(({ listen }) => listen),
        statsPort: statsPortOf(ports),
        drainSeconds: balancer.drainSeconds,
      }),
    }),
    disruptionBudget: seal(network, {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: labels },
        // Whoever serves nobody need not stay.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    }),
  };
}

/** The configuration of the gateway's HAProxy. */
export function gatewayConfig({ network: { spec }, pool, families }: GatewayFacts): string {
  const ports = gatewayPorts(spec);
  const isIPv6 = families.includes('IPv6');
  const isEven = new Set(Array.from(pool.values(), ({ weight }) => weight)).size <= 1;
  const algorithm: Algorithm = spec.gateway?.algorithm ?? 'RoundRobin';
  return renderHaproxy({
    stats: { address: isIPv6 ? '::' : '0.0.0.0', port: statsPortOf(ports) },
    drainSeconds: spec.balancer?.drainSeconds ?? 0,
    ports: ports.map(({ listen, balancerPort, protocol, check, checkPort }) => ({
      port: listen,
      protocol,
      algorithm,
      sourceRanges: isIPv6 ? ['0.0.0.0/0', '::/0'] : ['0.0.0.0/0'],
      check,
      servers: Array.from(pool, ([name, { address, weight }]) => ({
        name,
        address,
        port: balancerPort,
        ...(checkPort !== undefined && { checkPort }),
        ...(!isEven && { weight }),
      })),
    })),
  });
}

const statsPortOf = (ports: readonly GatewayPort[]) =>
  freePort(STATS_PORT, new Set(ports.map(({ listen }) => listen)));

export function formatPool(pool: Pool): string {
  return JSON.stringify(Object.fromEntries(pool));
}

const podLabels = ({ metadata: { name } }: GatewayFacts['network']) => ({
  'app.kubernetes.io/name': 'haproxy',
  'app.kubernetes.io/component': 'gateway',
  [LABELS.network]: name,
});

/** Gives it its name, its owner, and a hash of all that is wished. */
function seal(
  network: GatewayFacts['network'],
  {
    annotations = {},
    ...content
  }: { readonly annotations?: Readonly<Record<string, string>>; readonly [member: string]: unknown },
): GatewayObject {
  const { name, namespace, uid } = network.metadata;
  const metadata = {
    name: gatewayName(name),
    namespace,
    labels: { ...podLabels(network), 'app.kubernetes.io/managed-by': 'peerage' },
    ownerReferences: [
      // Without `blockOwnerDeletion`, which some clusters give to those alone who may change the owner's finalizers.
      { apiVersion: API_VERSION, kind: 'Network', name, uid, controller: true, blockOwnerDeletion: false },
    ],
  };
  const wish = hash({ metadata, annotations, content });
  return { ...content, metadata: { ...metadata, annotations: { ...annotations, [ANNOTATIONS.wish]: wish } } };
}
