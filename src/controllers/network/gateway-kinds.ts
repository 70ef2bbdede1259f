/** The kinds of which a gateway is made, as far as the operator reads them. */
import { z } from 'zod';
import { ANNOTATIONS, LABELS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceDefinition } from '../../kube/resource.ts';
import type { Families, GatewayObject } from '../../planning/gateway.ts';
import type { Pool } from '../../planning/gateway-pool.ts';

/** In the order in which they are made: whoever is made finds what it needs. */
export const PARTS = ['service', 'configMap', 'deployment', 'disruptionBudget'] as const;
export type Part = (typeof PARTS)[number];

const raw = (object: KubeObject) => object;

export const GATEWAY_KINDS = {
  service: { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true, parse: raw },
  configMap: {
    group: '',
    version: 'v1',
    plural: 'configmaps',
    kind: 'ConfigMap',
    namespaced: true,
    parse: raw,
  },
  deployment: {
    group: 'apps',
    version: 'v1',
    plural: 'deployments',
    kind: 'Deployment',
    namespaced: true,
    parse: raw,
  },
  disruptionBudget: {
    group: 'policy',
    version: 'v1',
    plural: 'poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    namespaced: true,
    parse: raw,
  },
} as const satisfies Record<Part, ResourceDefinition>;

export function gatewayResources(client: KubeClient) {
  return {
    service: client.resource(GATEWAY_KINDS.service),
    configMap: client.resource(GATEWAY_KINDS.configMap),
    deployment: client.resource(GATEWAY_KINDS.deployment),
    disruptionBudget: client.resource(GATEWAY_KINDS.disruptionBudget),
  } as const satisfies Record<Part, unknown>;
}

/**
 * Ours is what the Network owns, or what has our labels and no owner: a restore drops those. `earlier`: a Network of the same
 * name owned it, which is gone; so it is on its way out.
 */
export function ownership(
  { metadata }: KubeObject,
  network: { readonly name: string; readonly uid: string },
): 'ours' | 'earlier' | 'foreign' {
  const owners = metadata.ownerReferences ?? [];
  const isMarked = metadata.labels?.[LABELS.network] === network.name;
  if (owners.some(({ uid }) => uid === network.uid) || (owners.length === 0 && isMarked)) {
    return 'ours';
  }
  return isMarked && owners.some(({ kind }) => kind === 'Network') ? 'earlier' : 'foreign';
}

/** Everything wished is there. What the server or others added beside it is theirs. */
export function isAsWished({ metadata: found, ...content }: KubeObject, wished: GatewayObject): boolean {
  const { metadata, ...wishedContent } = wished;
  return (
    contains(found.labels, metadata.labels) &&
    contains(found.annotations, metadata.annotations) &&
    metadata.ownerReferences.every(({ uid }) => found.ownerReferences?.some((owner) => owner.uid === uid)) &&
    contains(content, wishedContent)
  );
}

function contains(found: unknown, wished: unknown): boolean {
  if (Array.isArray(wished)) {
    return (
      Array.isArray(found) &&
      found.length === wished.length &&
      wished.every((item, at) => contains(found[at], item))
    );
  }
  if (isMap(wished)) {
    return isMap(found) && Object.entries(wished).every(([member, value]) => contains(found[member], value));
  }
  return wished === undefined || found === wished;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const pool = z.record(z.string(), z.object({ address: z.string(), weight: z.int() }));

/** As it was written last; nobody's when it cannot be read. */
export function poolIn(configMap: KubeObject | undefined): Pool {
  try {
    const text = configMap?.metadata.annotations?.[ANNOTATIONS.pool];
    return new Map(text === undefined ? [] : Object.entries(pool.parse(JSON.parse(text))));
  } catch {
    return new Map();
  }
}

const service = z.object({
  spec: z.object({ ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).min(1) }),
});

/** An older server that does not say it speaks IPv4. */
export function familiesOf(found: KubeObject | undefined): Families {
  const parsed = service.safeParse(found);
  return parsed.success ? parsed.data.spec.ipFamilies : ['IPv4'];
}

const ingress = z.object({
  status: z.object({
    loadBalancer: z.object({
      ingress: z.array(z.object({ hostname: z.string().optional(), ip: z.string().optional() })),
    }),
  }),
});

/** Hosts that the cluster's load balancer has for it. */
export function ingressOf(found: KubeObject | undefined): readonly string[] {
  const parsed = ingress.safeParse(found);
  return parsed.success
    ? parsed.data.status.loadBalancer.ingress.flatMap(({ hostname, ip }) => hostname ?? ip ?? [])
    : [];
}

const deployment = z.object({
  metadata: z.object({ generation: z.int() }),
  status: z.object({
    observedGeneration: z.int().default(0),
    updatedReplicas: z.int().default(0),
    availableReplicas: z.int().default(0),
    replicas: z.int().default(0),
  }),
});

/** Pods of the latest wish that serve, when all others are gone; undefined while that cannot be said. */
export function servingPods(found: KubeObject | undefined): number | undefined {
  const parsed = deployment.safeParse(found);
  if (!parsed.success) {
    return undefined;
  }
  const { metadata, status } = parsed.data;
  const isSettled =
    status.observedGeneration >= metadata.generation && status.updatedReplicas === status.replicas;
  return isSettled ? Math.min(status.availableReplicas, status.updatedReplicas) : undefined;
}
