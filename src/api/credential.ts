/** `CloudCredential`: on whose behalf the operator acts, and who may use it. */
import { z } from 'zod';
import {
  CLOUD_NAMES,
  cloudMembers,
  exactlyOneOf,
  hasOneCloud,
  oneCloudMessage,
  sameOf,
} from './cloud-member.ts';
import {
  API_VERSION,
  conditions,
  type DeepReadonly,
  metadata,
  observedGeneration,
  unseen,
} from './common.ts';

const labelValue = z
  .string()
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/)
  .max(63);

/** `metav1.LabelSelector` */
const labelSelector = z
  .object({
    matchLabels: z
      .record(z.string(), labelValue)
      .meta({ maxProperties: 32 })
      .exactOptional()
      .describe('Labels that must be there, with these values.'),
    matchExpressions: z
      .array(
        z
          .object({
            key: z.string().min(1).max(317).describe('Key of a label.'),
            operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How it is compared.'),
            values: z
              .array(labelValue)
              .max(64)
              .meta({ 'x-kubernetes-list-type': 'atomic' })
              .exactOptional()
              .describe('Values for `In` and `NotIn`.'),
          })
          .meta({
            'x-kubernetes-validations': [
              {
                rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                fieldPath: '.values',
                message: 'In and NotIn need values, Exists and DoesNotExist take none',
              },
            ],
          }),
      )
      .max(32)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .exactOptional()
      .describe('Further conditions; all must hold.'),
  })
  .meta({ 'x-kubernetes-map-type': 'atomic' });
export type LabelSelector = DeepReadonly<z.output<typeof labelSelector>>;

const allowedNamespaces = z
  .object({
    list: z
      .array(
        z
          .string()
          .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
          .max(63),
      )
      .max(256)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .exactOptional()
      .describe('Namespaces by name.'),
    selector: labelSelector.exactOptional().describe('Namespaces by label. An empty selector means all.'),
  })
  .meta({
    'x-kubernetes-validations': [
      { rule: 'has(self.list) != has(self.selector)', message: 'set exactly one of list and selector' },
    ],
  });

export const credentialSpec = z
  .object({
    ...cloudMembers('credential'),
    allowedNamespaces: allowedNamespaces
      .exactOptional()
      .describe(
        'Whose Networks and Nodes may use it. Absent: those of its own namespace. Its own is always allowed.',
      ),
  })
  .refine(hasOneCloud, oneCloudMessage)
  .meta({ 'x-kubernetes-validations': [exactlyOneOf(CLOUD_NAMES), sameOf(CLOUD_NAMES)] });

export const credentialStatus = z.object({
  observedGeneration,
  conditions,
  account: z.string().max(128).exactOptional().describe('Account that the cloud knows it by.'),
  principal: z.string().max(2048).exactOptional().describe('Who the cloud says we are, in its own notation.'),
  usedBy: z.int().min(0).exactOptional().describe('Number of Networks and standalone Nodes that use it.'),
});
export type CloudCredentialStatus = DeepReadonly<z.output<typeof credentialStatus>>;

export const cloudCredential = z
  .object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('CloudCredential'),
    metadata,
    spec: credentialSpec.describe('Who we are, and for whom.'),
    status: credentialStatus.default(unseen).describe('What the cloud says to it.'),
  })
  .describe('An identity at a cloud, and the namespaces that may act as it.');
export type CloudCredential = DeepReadonly<z.output<typeof cloudCredential>>;
