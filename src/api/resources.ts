/** The kinds as the API server knows them. CRDs and the reference page are made from this table. */
import type { z } from 'zod';
import { cloudCredential } from './credential.ts';
import { network } from './network.ts';
import { node } from './node.ts';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: with `-o wide` only. */
  readonly priority?: 1;
}

export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly schema: z.ZodType;
  /** Present: a name has to be a DNS label of at most so many characters. */
  readonly name?: { readonly maxLength: number; readonly because: string };
  readonly columns: readonly Column[];
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
}

const condition = (field: 'status' | 'reason' | 'message') =>
  `.status.conditions[?(@.type=="Ready")].${field}`;

const status: Column = {
  name: 'Status',
  type: 'string',
  jsonPath: condition('reason'),
  description: 'Reason of the condition Ready.',
};
const message: Column = {
  name: 'Message',
  type: 'string',
  jsonPath: condition('message'),
  description: 'Message of the condition Ready.',
  priority: 1,
};
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was made.',
};
const ready: Column = {
  name: 'Ready',
  type: 'string',
  jsonPath: condition('status'),
  description: 'Status of the condition Ready.',
};

export const RESOURCES = {
  Network: {
    kind: 'Network',
    plural: 'networks',
    singular: 'network',
    shortNames: ['pnet'],
    schema: network,
    name: { maxLength: 40, because: 'it is part of the names of its nodes' },
    columns: [
      {
        name: 'Desired',
        type: 'integer',
        jsonPath: '.status.desiredReplicas',
        description: 'Nodes wished for.',
      },
      {
        name: 'Ready',
        type: 'integer',
        jsonPath: '.status.readyReplicas',
        description: 'Nodes that are Ready.',
      },
      status,
      {
        name: 'Balancer',
        type: 'string',
        jsonPath: '.status.endpoints[0]',
        description: 'Where clients connect: the first endpoint.',
      },
      age,
      {
        name: 'Revision',
        type: 'string',
        jsonPath: '.status.revision',
        description: 'Hash of what nodes are made of.',
        priority: 1,
      },
      message,
    ],
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  Node: {
    kind: 'Node',
    plural: 'nodes',
    singular: 'node',
    shortNames: ['pnode'],
    schema: node,
    name: { maxLength: 63, because: 'clouds carry it as the name of a machine' },
    columns: [
      ready,
      { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'From request to gone.' },
      {
        name: 'Machine',
        type: 'string',
        jsonPath: '.status.machine.id',
        description: "The cloud's id of the machine.",
      },
      {
        name: 'Zone',
        type: 'string',
        jsonPath: '.status.machine.zone',
        description: 'Zone the machine runs in.',
      },
      {
        name: 'Address',
        type: 'string',
        jsonPath: '.status.machine.publicAddress',
        description: 'Address on the internet.',
      },
      age,
      {
        name: 'Private',
        type: 'string',
        jsonPath: '.status.machine.privateAddress',
        description: 'Address inside its network.',
        priority: 1,
      },
      {
        name: 'Type',
        type: 'string',
        jsonPath: '.status.machine.type',
        description: 'Type of the machine.',
        priority: 1,
      },
      message,
    ],
  },
  CloudCredential: {
    kind: 'CloudCredential',
    plural: 'cloudcredentials',
    singular: 'cloudcredential',
    shortNames: ['ccred'],
    schema: cloudCredential,
    columns: [
      ready,
      status,
      { name: 'Account', type: 'string', jsonPath: '.status.account', description: 'Account at the cloud.' },
      {
        name: 'Used',
        type: 'integer',
        jsonPath: '.status.usedBy',
        description: 'Networks and standalone Nodes.',
      },
      age,
      {
        name: 'Principal',
        type: 'string',
        jsonPath: '.status.principal',
        description: 'Who the cloud says we are.',
        priority: 1,
      },
      message,
    ],
  },
} as const satisfies Record<string, Kind>;
