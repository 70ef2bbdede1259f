import type { KubeClient } from './client.ts';
import { NAMESPACES } from './namespaces.ts';
import type { CallOptions } from './resource.ts';

/**
 * The UID of the `kube-system` namespace: what people agree to take for a cluster's own name, for want of a better one.
 * Survives everything but the cluster itself. Needs get on that namespace.
 */
export async function readClusterId(client: KubeClient, options?: CallOptions): Promise<string> {
  const namespaces = client.resource(NAMESPACES);
  const namespace = await namespaces.get({ name: 'kube-system' }, options);
  if (namespace === undefined)
    throw new Error('there is no namespace kube-system: name the cluster with --cluster-id');
  return namespace.metadata.uid;
}
