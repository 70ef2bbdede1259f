/** The three kinds as the controllers read them: parsed once, on their way into the cache. */

import type { z } from 'zod';
import { API_VERSION, GROUP, VERSION } from '../api/common.ts';
import { type CloudCredential, cloudCredential } from '../api/credential.ts';
import { type Network, network } from '../api/network.ts';
import { type Node, node } from '../api/node.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceDefinition } from '../kube/resource.ts';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** Got past an older schema. `message` begins with the path of the field. */
  | { readonly ok: false; readonly message: string };

/** An object as it came, and what could be made of it. */
export interface Seen<T> extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly namespace: string; readonly generation: number };
  readonly parsed: Parsed<T>;
}

function define<T>(kind: string, plural: string, schema: z.ZodType<T>): ResourceDefinition<Seen<T>> {
  return {
    group: GROUP,
    version: VERSION,
    plural,
    kind,
    namespaced: true,
    parse({ metadata, ...raw }) {
      const parsed = schema.safeParse({ ...raw, metadata, apiVersion: API_VERSION, kind });
      return {
        apiVersion: API_VERSION,
        kind,
        metadata: { ...metadata, namespace: metadata.namespace ?? '', generation: metadata.generation ?? 0 },
        // What parsed is kept once.
        ...(parsed.success ? {} : raw),
        parsed: parsed.success
          ? { ok: true, value: parsed.data }
          : { ok: false, message: firstIssue(parsed.error) },
      };
    },
  };
}

function firstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  return issue === undefined ? 'not as the schema says' : `${issue.path.join('.')}: ${issue.message}`;
}

export const NETWORKS = define<Network>('Network', 'networks', network);
export const NODES = define<Node>('Node', 'nodes', node);
export const CREDENTIALS = define<CloudCredential>('CloudCredential', 'cloudcredentials', cloudCredential);
