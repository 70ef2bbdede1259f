import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Counter } from '../runtime/metrics.ts';
import { loadTarget } from './kubeconfig.ts';
import type { KubeObject } from './object.ts';
import { createResource, type Resource, type ResourceDefinition } from './resource.ts';
import { createTransport } from './transport.ts';

export interface ConnectOptions {
  /** Absent: KUBECONFIG, then the Pod's ServiceAccount, then ~/.kube/config. */
  readonly kubeconfigPath?: string | undefined;
  /** A context of the kubeconfig instead of its current one. */
  readonly context?: string | undefined;
  /** PEM file with certificate authorities to trust beside the cluster's own. */
  readonly extraCaFile?: string | undefined;
  /** For each call, in milliseconds; a watch has it until it begins. */
  readonly deadlineMs: number;
  /** `peerage/0.1.0`; the part before the slash names the fields we own (the field manager). */
  readonly userAgent: string;
  readonly requests?: Counter<'code' | 'method' | 'host'>;
  /** For deadlines only. */
  readonly clock?: Clock;
  /** Where KUBECONFIG, HTTPS_PROXY, NO_PROXY and the Pod's variables are read. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A connection to one API server. */
export interface KubeClient {
  /** The server's URL, for messages. */
  readonly server: string;
  /** Of the kubeconfig's context, or of the Pod. */
  readonly namespace: string | undefined;
  resource<T extends KubeObject>(definition: ResourceDefinition<T>): Resource<T>;
  /** Ends every connection, watches included. */
  close(): void;
}

/** Reads the configuration and prepares the connection; the first call makes it. Throws when there is none. */
export function connect(options: ConnectOptions): KubeClient {
  const { env = process.env, clock = systemClock, userAgent } = options;
  const target = loadTarget({ ...options, env });
  const transport = createTransport({ ...options, target, env, clock });
  const fieldManager = userAgent.split('/', 1)[0] ?? userAgent;
  return {
    server: target.cluster.server,
    namespace: target.namespace,
    resource: (definition) => createResource(transport, definition, fieldManager),
    close: () => transport.close(),
  };
}
