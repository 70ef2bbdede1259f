/** `Node`: exactly one machine, from request to gone. */
import { z } from 'zod';
import { client } from './client.ts';
import {
  CLOUD_NAMES,
  cloudMembers,
  exactlyOneOf,
  hasOneCloud,
  oneCloudMessage,
  rulesOfClouds,
} from './cloud-member.ts';
import {
  API_VERSION,
  conditions,
  credentialRef,
  type DeepReadonly,
  deletionPolicy,
  init,
  metadata,
  observedGeneration,
  portNumber,
  role,
  secretDelivery,
  unseen,
} from './common.ts';
import { security, securityPorts } from './security.ts';

export const NODE_PHASES = [
  'Pending',
  'Launching',
  'Starting',
  'Ready',
  'Unhealthy',
  'Draining',
  'Terminating',
  'Failed',
] as const;
export type NodePhase = (typeof NODE_PHASES)[number];

export const nodeSpec = z
  .object({
    credentialRef: credentialRef.describe('On whose behalf.'),
    client: client.describe('What runs on the machine.'),
    role,
    init,
    secretDelivery,
    ...cloudMembers('placement'),
    security: security
      .exactOptional()
      .describe('Firewall of a standalone node. The nodes of a Network share the one of their placement.'),
    deletionPolicy,
  })
  .refine(hasOneCloud, oneCloudMessage)
  .meta({
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'the spec of a Node cannot change; make another Node' },
      exactlyOneOf(CLOUD_NAMES),
      ...securityPorts,
      ...rulesOfClouds('node'),
    ],
  });

const machine = z.object({
  id: z.string().max(2048).describe("The cloud's id of it."),
  state: z
    .enum(['pending', 'running', 'stopping', 'stopped', 'failed', 'terminating', 'terminated'])
    .exactOptional()
    .describe(
      'State the cloud reported when the status was written; not renewed while nothing else changes.',
    ),
  zone: z.string().max(64).exactOptional().describe('Zone it runs in.'),
  type: z.string().max(64).exactOptional().describe('Type of machine.'),
  privateAddress: z.string().max(64).exactOptional().describe('Address inside its network.'),
  publicAddress: z.string().max(64).exactOptional().describe('Address on the internet.'),
  launchedAt: z.iso.datetime({ offset: true }).exactOptional().describe('When the cloud made it.'),
});

const address = z.object({
  type: z
    .enum(['Private', 'Public', 'Published'])
    .describe(
      '`Private`: inside its network. `Public`: on the internet. `Published`: where one port of the client is reached at another address.',
    ),
  address: z.string().max(512).describe('IP address or name.'),
  port: portNumber.exactOptional().describe('Published: where the client listens.'),
  protocol: z.enum(['TCP', 'UDP']).exactOptional().describe('Published: transport protocol of the port.'),
  hostPort: portNumber.exactOptional().describe('Published: where it is reached instead.'),
});

const peer = z.object({
  inside: z.string().max(2048).exactOptional().describe('For nodes of the same placement.'),
  outside: z.string().max(2048).exactOptional().describe('For everybody else.'),
});

export const nodeStatus = z.object({
  observedGeneration,
  phase: z.enum(NODE_PHASES).exactOptional().describe('Where it is between request and gone.'),
  conditions,
  machine: machine.exactOptional().describe('The machine, as the cloud last showed it.'),
  addresses: z
    .array(address)
    .max(128)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .exactOptional()
    .describe('Where the machine is reached.'),
  peer: peer.exactOptional().describe('Address by which its peers know it, with `peering`.'),
  attempt: z.int().min(0).exactOptional().describe('Launches that were begun for it.'),
  lastError: z
    .string()
    .max(32_768)
    .exactOptional()
    .describe("What went wrong last, in the cloud's own words; absent when all is well."),
});
export type NodeStatus = DeepReadonly<z.output<typeof nodeStatus>>;

export const node = z
  .object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('Node'),
    metadata,
    spec: nodeSpec.describe('What is wished for. Immutable.'),
    status: nodeStatus.default(unseen).describe('What is.'),
  })
  .describe('One machine. Made by a Network, or by a person for a machine that stands alone.');
export type Node = DeepReadonly<z.output<typeof node>>;
