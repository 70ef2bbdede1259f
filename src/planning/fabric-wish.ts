/** From what a Network or Node says to what should stand around its machines. Pure. */
import { z } from 'zod';
import type { Client } from '../api/client.ts';
import type { NetworkSpec } from '../api/network.ts';
import type { Security } from '../api/security.ts';
import type { BalancerPort, FabricWish, FirewallRule, HealthCheck, Owner, Scope } from '../clouds/cloud.ts';
import { healthCheckOf } from './health-check.ts';

type Rule = NonNullable<Security['ingress']>[number] | NonNullable<Security['egress']>[number];

export function firewallRules({
  client,
  security,
}: {
  readonly client: Client;
  readonly security?: Security;
}): Pick<FabricWish, 'ingress' | 'egress'> {
  const rulesOf = (rule: Rule) => expand(rule, client);
  return {
    ingress: (security?.ingress ?? []).flatMap(rulesOf),
    ...(security?.egress && { egress: security.egress.flatMap(rulesOf) }),
  };
}

function expand(rule: Rule, client: Client): FirewallRule[] {
  const cidrs = 'from' in rule ? rule.from : rule.to;
  if (rule.ports !== undefined) {
    return rule.ports.flatMap((name) => {
      const port = client.ports?.find((one) => one.name === name);
      return port === undefined
        ? []
        : [{ protocol: port.protocol, ports: { from: port.port, to: port.port }, cidrs }];
    });
  }
  return [{ protocol: rule.protocol ?? 'All', ...(rule.portRange && { ports: rule.portRange }), cidrs }];
}

/** What a cloud whose certificates hold in one region only lets a placement say. */
const placementCertificates = z.object({
  certificates: z.array(z.object({ port: z.int(), certificateArn: z.string() })).default([]),
});

/** Those that a placement shows, by its cloud member. */
export function certificatesOf(
  spec: unknown,
): readonly { readonly port: number; readonly certificateArn: string }[] {
  return placementCertificates.parse(spec).certificates;
}

export interface WishOptions {
  readonly scope: Scope;
  readonly spec: NetworkSpec;
  /** Ids of the machines that belong into the balancer's pools. */
  readonly members: readonly string[];
  /** Whether the scope has a balancer of its own. */
  readonly balanced: boolean;
  /** Of a balancer in another scope that reaches the machines here. */
  readonly servedBy?: Owner | undefined;
}

/** In the scope of a region there is nobody to be let in: the machines, and their rules, are in those of its placements. */
export function fabricWish({ scope, spec, members, balanced, servedBy }: WishOptions): FabricWish {
  const { client, balancer } = spec;
  const rules = scope.owner.region === undefined ? firewallRules(spec) : { ingress: [] };
  if (balancer === undefined) return { scope, ...rules };
  const ports = portsOf(balancer, client, scope);
  const health = healthCheck(client, ports);
  const { type, internal, crossZone, sourceRanges, drainSeconds } = balancer;
  return {
    scope,
    ...rules,
    ...(servedBy && { servedBy: { owner: servedBy, ports, health } }),
    ...(balanced && {
      balancer: { type, ports, internal, crossZone, sourceRanges, health, drainSeconds, members },
    }),
  };
}

function portsOf(
  { type, ports }: NonNullable<NetworkSpec['balancer']>,
  client: Client,
  { spec, also = [] }: Scope,
): readonly BalancerPort[] {
  const certificates = [spec, ...also].flatMap(certificatesOf);
  return ports.flatMap(({ port, targetPort, protocol, certificateArn }): BalancerPort[] => {
    const target = client.ports?.find(({ name }) => name === targetPort);
    if (target === undefined) return [];
    const spoken = protocol ?? (type === 'Application' ? 'HTTP' : target.protocol);
    const own = certificates.find((one) => one.port === port)?.certificateArn;
    const certificate = own ?? certificateArn;
    // UDP may have the same port beside TLS.
    const secure = spoken === 'TLS' || spoken === 'HTTPS';
    return [
      {
        port,
        targetPort: target.port,
        protocol: spoken,
        ...(secure && certificate !== undefined && { certificate }),
      },
    ];
  });
}

/** Absent `client.health`: the first TCP port that clients are sent to answers, or else the first of the client's. */
function healthCheck(client: Client, ports: readonly BalancerPort[]): HealthCheck {
  const told = healthCheckOf(client);
  if (told !== undefined) return told;
  const ofClient = client.ports?.filter(({ protocol }) => protocol === 'TCP') ?? [];
  const balanced = ofClient.find(({ port }) => ports.some(({ targetPort }) => targetPort === port));
  const port = (balanced ?? ofClient[0])?.port ?? ports[0]?.targetPort ?? 1;
  return { protocol: 'TCP', port, intervalSeconds: 10 };
}
