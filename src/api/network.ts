/** `Network`: the wish. */
import { z } from 'zod';
import { balancer, balancerPorts } from './balancer.ts';
import { client } from './client.ts';
import {
  CLOUD_NAMES,
  cloudMembers,
  exactlyOneOf,
  hasOneCloud,
  oneCloudMessage,
  rulesOfClouds,
  sameOf,
} from './cloud-member.ts';
import {
  API_VERSION,
  credentialRef,
  type DeepReadonly,
  deletionPolicy,
  init,
  metadata,
  role,
  secretDelivery,
  unseen,
} from './common.ts';
import { gateway, gatewayPorts } from './gateway.ts';
import { networkStatus } from './network-status.ts';
import { peering, peeringPorts } from './peering.ts';
import { remediation, remediationHealth } from './remediation.ts';
import { security, securityPorts } from './security.ts';

const placement = z
  .object({
    name: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
      .max(15)
      .describe('Name, part of the names of its nodes. Cloud, region and credential are fixed under it.'),
    replicas: z
      .int()
      .min(0)
      .max(10_000)
      .default(1)
      .describe('Number of nodes; a share where `spec.replicas` is set.'),
    credentialRef: credentialRef
      .meta({
        'x-kubernetes-validations': [
          {
            rule: 'self == oldSelf',
            message: 'a credential cannot change; add a placement under another name',
          },
        ],
      })
      .describe('On whose behalf. Immutable.'),
    ...cloudMembers('placement'),
  })
  .refine(hasOneCloud, oneCloudMessage)
  .meta({
    'x-kubernetes-validations': [
      exactlyOneOf(CLOUD_NAMES),
      { ...sameOf(CLOUD_NAMES), message: 'the cloud cannot change; add a placement under another name' },
      ...rulesOfClouds('placement'),
    ],
  });

export const networkSpec = z
  .object({
    client: client.describe('What runs on every node.'),
    role,
    init,
    secretDelivery,
    placements: z
      .array(placement)
      .min(1)
      .max(32)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Where nodes run, and how many. Each has exactly one cloud member.'),
    replicas: z
      .int()
      .min(0)
      .max(100_000)
      .exactOptional()
      .describe(
        'Number of nodes in all, shared out in proportion to the replicas of the placements, the largest remainder first. Absent: their sum. This is what `kubectl scale` and autoscalers set.',
      ),
    balancer: balancer
      .exactOptional()
      .describe('Load balancer, one for each placement or region. Absent: none.'),
    gateway: gateway
      .exactOptional()
      .describe(
        'HAProxy in the cluster, with a Service, that joins the balancers of all placements. Absent: none. The operator needs rights for it, which the chart gives with `gateway.enabled`.',
      ),
    peering: peering
      .exactOptional()
      .describe('How nodes find each other. Absent: they start all at once and are told of nobody.'),
    remediation: remediation
      .exactOptional()
      .describe('Replacement of nodes that stay unhealthy. Absent: they are left as they are.'),
    security: security
      .exactOptional()
      .describe('Firewall of the nodes. Absent: only the balancer reaches them.'),
    mode: z
      .enum(['Apply', 'Plan'])
      .default('Apply')
      .describe('`Plan`: `status.plan` says what would be done, and nothing is done; a deletion waits, too.'),
    paused: z
      .boolean()
      .default(false)
      .describe('Whether the operator leaves everything in the clouds as it is.'),
    deletionPolicy,
  })
  .meta({
    'x-kubernetes-validations': [
      ...securityPorts,
      ...balancerPorts,
      ...gatewayPorts,
      ...peeringPorts,
      ...remediationHealth,
      ...rulesOfClouds('network'),
    ],
  });
export type NetworkSpec = DeepReadonly<z.output<typeof networkSpec>>;

export const network = z
  .object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('Network'),
    metadata,
    spec: networkSpec.describe('What is wished for.'),
    status: networkStatus.default(unseen).describe('What is.'),
  })
  .describe('A load-balanced peer-to-peer network on machines in one or more clouds.');
export type Network = DeepReadonly<z.output<typeof network>>;
