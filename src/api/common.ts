/** What the kinds share: the envelope of a Kubernetes object, conditions, and small fields that occur in several. */
import { z } from 'zod';

export const GROUP = 'peerage.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Objects that were read are shared by everybody who reads them, so nothing in them may be changed. */
export type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Member in keyof T]: DeepReadonly<T[Member]> }
    : T;

const ownerReference = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: z.boolean().exactOptional(),
  blockOwnerDeletion: z.boolean().exactOptional(),
});

/** As the server fills it in. The CRDs show of it only what a kind restricts. */
export const metadata = z.object({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.int(),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().exactOptional(),
  labels: z.record(z.string(), z.string()).exactOptional(),
  annotations: z.record(z.string(), z.string()).exactOptional(),
  finalizers: z.array(z.string()).exactOptional(),
  ownerReferences: z.array(ownerReference).exactOptional(),
});

/** `metav1.Condition`. Types and reasons that occur stand in `reasons.ts`. */
const condition = z.object({
  type: z.string().min(1).max(316).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z
    .string()
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .min(1)
    .max(1024)
    .describe('Why, in one word for programs.'),
  message: z.string().max(32_768).describe('Why, for people: what happened, to what, and what comes next.'),
  lastTransitionTime: z.iso.datetime({ offset: true }).describe('When `status` last changed.'),
  observedGeneration: z
    .int()
    .min(0)
    .exactOptional()
    .describe('Generation of the object that the condition was found for.'),
});
export type Condition = DeepReadonly<z.output<typeof condition>>;

export const conditions = z
  .array(condition)
  .max(32)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  .exactOptional()
  .describe('`Ready`, `Reconciling` and `Stalled`, as kstatus reads them, and some of the kind.');

export const observedGeneration = z
  .int()
  .min(-1)
  .exactOptional()
  .describe('Generation of the object that this status is about; -1 before the operator saw it.');

/**
 * The status of an object nobody looked at yet. Without it kstatus takes a fresh object for a finished one.
 * https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus
 */
export const unseen = { observedGeneration: -1 };

export const credentialRef = z.object({
  name: z.string().min(1).max(253).describe('Name of the CloudCredential.'),
  namespace: z
    .string()
    .min(1)
    .max(63)
    .exactOptional()
    .describe('Its namespace, which must be one that the credential allows. Absent: the same namespace.'),
});
export type CredentialRef = DeepReadonly<z.output<typeof credentialRef>>;

export const deletionPolicy = z
  .enum(['Delete', 'Orphan'])
  .default('Delete')
  .describe(
    '`Delete`: everything made for the object goes with it. `Orphan`: it stays as it is, without our ownership tag.',
  );

export const secretDelivery = z
  .enum(['None', 'UserData'])
  .default('None')
  .describe(
    'How values of Secrets reach a machine that boots from user data, as on AWS. `None`: they do not, and a client that needs one is not launched there. `UserData`: in plain text in that data, which everybody who may describe or enter the machine can read. A container on Docker has no user data: it gets them in its environment and its files, whatever is said here.',
  );

export const role = z
  .enum(['Peer', 'Full', 'Validator', 'Explorer', 'Boot', 'Archive'])
  .default('Peer')
  .describe(
    'Part that nodes play in the network, for people: the Nodes of a Network carry it as the label `peerage.dev/role`. Changing it replaces them, as the spec of a Node never changes.',
  );

export const init = z
  .string()
  .max(16_384)
  .exactOptional()
  .describe('Own lines of shell, run as root once, before the client starts.');

/** Name of a port, as a Service has it: https://www.rfc-editor.org/rfc/rfc6335#section-5.1 */
export const portName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
  .max(15)
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "self.matches('[a-z]') && !self.contains('--')",
        message: 'a port name has at least one letter and no two dashes in a row',
      },
    ],
  });

export const portNumber = z.int().min(1).max(65_535);
