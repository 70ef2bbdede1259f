/** What is told of a Network's gateway. */
import { gatewayName } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { PlanStep } from '../../api/network-status.ts';
import type { KubeObject } from '../../kube/object.ts';
import { gatewayPorts } from '../../planning/gateway-ports.ts';
import type { Seen } from '../kinds.ts';
import type { Trouble } from '../trouble.ts';
import { GATEWAY_KINDS, ingressOf, ownership, type Part, servingPods } from './gateway-kinds.ts';

export interface GatewayReport {
  /** With the annotation that a gateway was made. */
  readonly seen: Seen<Network>;
  /** What would be done; in a dry run only. */
  readonly steps: readonly PlanStep[];
  /** What is still to come, for people: `the gateway has 1 of 2 Pods`. Absent: nothing. */
  readonly waits?: string;
  readonly trouble?: Trouble;
  /** When to look again. Absent: when the Network or one of its Nodes changes. */
  readonly lookAfterMs?: number;
}

const troubleLookMs = 60_000;
const earlierLookMs = 5_000;

const BECAUSE = {
  create: 'the Network has a gateway',
  update: 'it is not as the Network wishes it',
  delete: 'the Network has no need of it',
} as const;

export const stepOf = (part: Part, name: string, verb: keyof typeof BECAUSE): PlanStep => ({
  verb,
  kind: GATEWAY_KINDS[part].kind,
  name,
  because: BECAUSE[verb],
});

export function reportTrouble(seen: Seen<Network>, what: Pick<Trouble, 'reason' | 'message'>): GatewayReport {
  const trouble: Trouble = { ...what, stalled: true, retryAfterMs: troubleLookMs };
  return { seen, steps: [], trouble, lookAfterMs: troubleLookMs };
}

export function reportForeign(seen: Seen<Network>, part: Part, found: KubeObject): GatewayReport {
  const named = `${GATEWAY_KINDS[part].kind} ${gatewayName(seen.metadata.name)}`;
  if (ownership(found, seen.metadata) === 'earlier') {
    const waits = `the gateway waits for ${named} of an earlier Network of this name to go`;
    return { seen, steps: [], waits, lookAfterMs: earlierLookMs };
  }
  return reportTrouble(seen, {
    reason: 'AlreadyExists',
    message: `gateway: ${named} exists and is not ours: rename or remove it`,
  });
}

export function waitsFor(
  { spec: { gateway } }: Network,
  found: Partial<Record<Part, KubeObject>>,
  hasPods: boolean,
): string | undefined {
  const wished = gateway?.replicas ?? 0;
  const serving = servingPods(found.deployment);
  if (hasPods && (serving ?? 0) < wished) {
    return serving === undefined
      ? 'the gateway changes its Pods'
      : `the gateway has ${serving} of ${wished} Pods`;
  }
  if (gateway?.service.type === 'LoadBalancer' && ingressOf(found.service).length === 0) {
    return 'the gateway waits for the address of its Service';
  }
  return undefined;
}

/** Names inside a cluster end in `.svc` and a domain that differs; every Pod finds them without it. */
export function endpointsOf({ metadata, spec }: Network, service: KubeObject | undefined): readonly string[] {
  if (service === undefined) {
    return [];
  }
  const hosts =
    spec.gateway?.service.type === 'LoadBalancer'
      ? ingressOf(service)
      : [`${gatewayName(metadata.name)}.${metadata.namespace}.svc`];
  return hosts.flatMap((host) =>
    gatewayPorts(spec).map(({ port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`),
  );
}
