/** The three kinds as the controllers read them: parsed once, on their way into the cache. */

import { API_VERSION, GROUP, VERSION } from '../api/common.ts';
import type { CloudCredential } from '../api/credential.ts';
import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import { type Parsed as ApiParsed, parseCredential, parseNetwork, parseNode } from '../api/parse.ts';
import { type Kind, RESOURCES } from '../api/resources.ts';
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

function define<T>(
  { kind, plural }: Kind,
  parseObject: (object: unknown) => ApiParsed<T>,
): ResourceDefinition<Seen<T>> {
  return {
    group: GROUP,
    version: VERSION,
    plural,
    kind,
    namespaced: true,
    parse({ metadata, ...raw }) {
      const parsed = parseObject({ ...raw, metadata, apiVersion: API_VERSION, kind });
      return {
        apiVersion: API_VERSION,
        kind,
        metadata: { ...metadata, namespace: metadata.namespace ?? '', generation: metadata.generation ?? 0 },
        // What parsed is kept once.
        ...(parsed.ok ? {} : raw),
        parsed: parsed.ok ? parsed : { ok: false, message: `${parsed.path}: ${parsed.message}` },
      };
    },
  };
}

export const NETWORKS = define<Network>(RESOURCES.Network, parseNetwork);
export const NODES = define<Node>(RESOURCES.Node, parseNode);
export const CREDENTIALS = define<CloudCredential>(RESOURCES.CloudCredential, parseCredential);
