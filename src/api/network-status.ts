/** What the operator says of a Network. Nothing in it changes while nothing happens, so that rest is without writes. */
import { z } from 'zod';
import { conditions, type DeepReadonly, observedGeneration } from './common.ts';

const count = z.int().min(0);

const planStep = z.object({
  verb: z
    .enum(['create', 'update', 'replace', 'delete', 'register', 'deregister', 'release'])
    .describe('What is to be done.'),
  kind: z.string().max(128).describe("To what kind of thing, in the cloud's own words: `security group`."),
  name: z.string().max(512).describe('To which one.'),
  because: z.string().max(1024).describe('Why.'),
  placement: z.string().max(15).exactOptional().describe('In which placement.'),
  waits: z
    .string()
    .max(1024)
    .exactOptional()
    .describe('What has to happen first. Absent: it can be done now.'),
});
export type PlanStep = DeepReadonly<z.output<typeof planStep>>;

/** Steps beyond this number are counted in the summary only: an object has to stay below 1.5 MB. */
export const MAX_PLAN_STEPS = 200;
/** Resources beyond this number are not listed. */
export const MAX_RESOURCES = 1000;

const plan = z.object({
  summary: z.string().max(4096).describe('In one sentence: `add 2 nodes in virginia; 8 steps around them`.'),
  steps: z
    .array(planStep)
    .max(MAX_PLAN_STEPS)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe(`In the order in which they would be done; the first ${MAX_PLAN_STEPS}.`),
});

const placementStatus = z.object({
  name: z.string().max(15).describe('Name of the placement.'),
  desired: count.describe('Nodes wished for.'),
  ready: count.describe('Nodes that are Ready.'),
  updated: count.describe('Nodes of the current revision.'),
  network: z
    .string()
    .max(1024)
    .exactOptional()
    .describe('Network that was found for the machines, and how: `default VPC vpc-1a2b3c of us-east-1`.'),
  balancer: z
    .object({
      address: z.string().max(512).describe('Name that clients connect to.'),
      id: z.string().max(2048).describe("The cloud's id of it."),
      active: z.boolean().describe('Whether it takes connections.'),
      sharedWith: z
        .array(z.string().max(15))
        .max(64)
        .meta({ 'x-kubernetes-list-type': 'atomic' })
        .exactOptional()
        .describe('Other placements that are behind it.'),
    })
    .exactOptional()
    .describe('The load balancer.'),
  observedAt: z.iso
    .datetime({ offset: true })
    .exactOptional()
    .describe('When the cloud was last read at the time of writing; not renewed while nothing else changes.'),
});

const resource = z.object({
  placement: z.string().max(15).describe('Placement it was made for.'),
  kind: z.string().max(128).describe("The cloud's own word for it: `target group`."),
  name: z.string().max(512).describe('Its name.'),
  id: z.string().max(2048).describe("The cloud's id of it."),
});

/** Peers beyond this number are not listed. */
export const MAX_PEERS = 500;

const peer = z.object({
  node: z.string().max(63).describe('Name of the Node.'),
  placement: z.string().max(15).describe('Placement it is in.'),
  bootnode: z.boolean().describe('Whether it is a boot node.'),
  inside: z.string().max(2048).exactOptional().describe('Address for nodes of the same placement.'),
  outside: z.string().max(2048).exactOptional().describe('Address for everybody else.'),
});

export const networkStatus = z.object({
  observedGeneration,
  conditions,
  desiredReplicas: count.exactOptional().describe('Nodes wished for, over all placements.'),
  replicas: count.exactOptional().describe('Nodes that exist.'),
  readyReplicas: count.exactOptional().describe('Nodes that are Ready.'),
  selector: z.string().max(512).exactOptional().describe('Label selector of the nodes, for autoscalers.'),
  revision: z
    .string()
    .max(64)
    .exactOptional()
    .describe('Hash of what nodes are made of; nodes of another revision are replaced.'),
  placements: z
    .array(placementStatus)
    .max(64)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .exactOptional()
    .describe('Each placement, also those that are on their way out.'),
  plan: plan.exactOptional().describe('What would be done, with `mode: Plan`.'),
  resources: z
    .array(resource)
    .max(MAX_RESOURCES)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .exactOptional()
    .describe(`Everything made around the machines; the first ${MAX_RESOURCES}.`),
  endpoints: z
    .array(z.string().max(512))
    .max(2048)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .exactOptional()
    .describe(
      'Where clients connect: `host:port`, those of the gateway first, then those of the placements in their order.',
    ),
  peers: z
    .array(peer)
    .max(MAX_PEERS)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['node'] })
    .exactOptional()
    .describe(
      `Nodes whose peer address is known, with \`peering\`: the boot nodes, then the oldest; the first ${MAX_PEERS}. A ConfigMap named after the Network with \`-peers\` behind it says the same.`,
    ),
});
export type NetworkStatus = DeepReadonly<z.output<typeof networkStatus>>;
