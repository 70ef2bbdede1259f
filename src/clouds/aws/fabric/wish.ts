/** From what is wished around a scope to what that means in the words of AWS. */
import type { BalancerPort, FabricWish } from '../../cloud.ts';
import {
  type Attributes,
  type BalancerType,
  CROSS_ZONE,
  DRAIN_SECONDS,
  type HealthCheck,
  type Network,
  type Scheme,
} from './found.ts';
import { namesOf, scopeName } from './names.ts';
import { distinct, EVERYTHING_IPV4, EVERYTHING_IPV6, type Rule, wishedRules } from './rules.ts';

type BalancerWish = NonNullable<FabricWish['balancer']>;

export interface DesiredGroup {
  readonly name: string;
  /** Whose traffic it rules. */
  readonly of: 'nodes' | 'balancer';
  readonly description: string;
  readonly ingress: readonly Rule[];
  /** Absent: all that AWS makes by default. */
  readonly egress?: readonly Rule[];
}

export interface DesiredBalancer {
  readonly name: string;
  readonly type: BalancerType;
  readonly scheme: Scheme;
  readonly attributes: Attributes;
  readonly pools: readonly DesiredPool[];
  readonly listeners: readonly DesiredListener[];
  readonly members: readonly string[];
}

export interface DesiredPool {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly health: HealthCheck;
  readonly attributes: Attributes;
}

export interface DesiredListener {
  readonly port: number;
  readonly protocol: string;
  readonly certificate?: string;
  /** Name of the target group it forwards to. */
  readonly pool: string;
}

export interface Desired {
  /** Absent in a region that placements share: the machines are in theirs. */
  readonly nodesGroup?: DesiredGroup;
  readonly balancerGroup?: DesiredGroup;
  readonly balancer?: DesiredBalancer;
}

/**
 * What the rules of the nodes refer to: the group of the scope's own balancer, and that of the one in another scope. A name as
 * long as there is no id.
 */
export interface BalancerGroups {
  readonly own: string;
  readonly shared: string;
}

export function desiredOf(wish: FabricWish, network: Network, groups: BalancerGroups): Desired {
  const { owner } = wish.scope;
  const names = namesOf(owner);
  const whose = scopeName(owner);
  const { balancer } = wish;
  return {
    ...(owner.region === undefined ? { nodesGroup: nodesGroupOf(wish, groups) } : {}),
    ...(balancer === undefined
      ? {}
      : {
          balancerGroup: {
            name: names.balancerGroup,
            of: 'balancer',
            description: describe(`Peerage ${whose}: balancer`),
            ingress: wishedRules(
              balancer.ports.map(({ port, protocol }) => ({
                protocol: protocol === 'UDP' ? 'UDP' : 'TCP',
                ports: { from: port, to: port },
                cidrs: balancer.sourceRanges,
              })),
            ),
          },
          balancer: desiredBalancer(wish, balancer, network),
        }),
  };
}

function nodesGroupOf(
  { scope, balancer, servedBy, ingress, egress }: FabricWish,
  groups: BalancerGroups,
): DesiredGroup {
  return {
    name: namesOf(scope.owner).nodesGroup,
    of: 'nodes',
    description: describe(`Peerage ${scopeName(scope.owner)}: nodes`),
    ingress: distinct([
      ...wishedRules(ingress),
      ...(balancer === undefined ? [] : fromBalancer(balancer, groups.own)),
      ...(servedBy === undefined ? [] : fromBalancer(servedBy, groups.shared)),
    ]),
    ...(egress === undefined ? {} : { egress: wishedRules(egress) }),
  };
}

/** What a group may send when nothing is said: as AWS makes it. */
export function defaultEgress(network: { readonly ipv6: boolean }): readonly Rule[] {
  return network.ipv6 ? [EVERYTHING_IPV4, EVERYTHING_IPV6] : [EVERYTHING_IPV4];
}

/** The traffic and the health checks, from the balancer's group and nothing else. */
function fromBalancer(
  { ports, health }: NonNullable<FabricWish['servedBy'] | FabricWish['balancer']>,
  group: string,
): readonly Rule[] {
  const traffic = ports.map(({ targetPort, protocol }) => ({
    protocol: protocol === 'UDP' ? 'udp' : 'tcp',
    port: targetPort,
  }));
  return [...traffic, { protocol: 'tcp', port: health.port }].map(({ protocol, port }) => ({
    protocol,
    from: port,
    to: port,
    peer: group,
  }));
}

function desiredBalancer(wish: FabricWish, balancer: BalancerWish, network: Network): DesiredBalancer {
  const names = namesOf(wish.scope.owner);
  const type = balancer.type === 'Network' ? 'network' : 'application';
  const health = healthCheckOf(balancer);
  const attributes = new Map([[DRAIN_SECONDS, String(balancer.drainSeconds)]]);
  const pools = balancer.ports.map((port) => {
    const protocol = poolProtocol(port);
    return {
      name: names.pool([port.port, protocol, port.targetPort, network.vpcId]),
      protocol,
      port: port.targetPort,
      health,
      attributes,
    };
  });
  return {
    name: names.balancer,
    type,
    scheme: balancer.internal ? 'internal' : 'internet-facing',
    // An application balancer always works across zones.
    attributes: new Map(type === 'network' ? [[CROSS_ZONE, String(balancer.crossZone)]] : []),
    pools,
    listeners: balancer.ports.map(({ port, protocol, certificate }, index) => ({
      port,
      protocol,
      ...(certificate === undefined ? {} : { certificate }),
      pool: pools[index]?.name ?? '',
    })),
    members: Array.from(new Set(balancer.members)).sort(),
  };
}

/** TLS and HTTPS end at the balancer. */
function poolProtocol({ protocol }: BalancerPort): string {
  switch (protocol) {
    case 'TLS':
      return 'TCP';
    case 'HTTPS':
      return 'HTTP';
    default:
      return protocol;
  }
}

/**
 * Two answers decide in either direction: the shortest AWS takes. An application balancer cannot check by TCP, so there any
 * answer to HTTP below 500 counts as alive.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
 */
function healthCheckOf({ type, health }: BalancerWish): HealthCheck {
  const common = {
    port: String(health.port),
    intervalSeconds: health.intervalSeconds,
    timeoutSeconds: Math.max(2, Math.min(5, health.intervalSeconds - 1)),
    healthyThreshold: 2,
    unhealthyThreshold: 2,
  };
  if (health.protocol === 'TCP' && type === 'Network') return { protocol: 'TCP', ...common };
  const any = health.protocol === 'TCP' ? '200-499' : '200-399';
  return {
    protocol: 'HTTP',
    ...common,
    path: health.path ?? '/',
    matcher: health.status === undefined ? any : String(health.status),
  };
}

/** EC2 takes letters, digits, spaces and some punctuation, 255 characters at most. */
function describe(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]/g, '-').slice(0, 255);
}
