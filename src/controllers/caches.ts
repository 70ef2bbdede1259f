/** The three kinds as the API server has them: a cache of each, how objects are found in it, and the calls that write. */
import type { CloudCredential } from '../api/credential.ts';
import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import type { KubeClient } from '../kube/client.ts';
import { Informer } from '../kube/informer.ts';
import { type KubeObject, keyOf } from '../kube/object.ts';
import { observing } from '../kube/observing.ts';
import type { Resource, ResourceDefinition } from '../kube/resource.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Counter } from '../runtime/metrics.ts';
import { networkKeyOf } from './belonging.ts';
import { CREDENTIALS, NETWORKS, NODES, type Seen } from './kinds.ts';
import { recordOf } from './launch/record.ts';
import { notedPlaces } from './network/places.ts';

/** What is written by one of the resources is in its cache at once. */
export interface Caches {
  /** Index `credential`: keys of the CloudCredentials that its placements name, those on their way out included. */
  readonly networks: Informer<Seen<Network>>;
  readonly networkResource: Resource<Seen<Network>>;
  /**
   * Indexes: `network` (key of the Network its labels name), `token` and `launch` (`token/index`) of its launch record,
   * `machine` (id in its status), `credential` (key of the CloudCredential it names).
   */
  readonly nodes: Informer<Seen<Node>>;
  readonly nodeResource: Resource<Seen<Node>>;
  readonly credentials: Informer<Seen<CloudCredential>>;
  readonly credentialResource: Resource<Seen<CloudCredential>>;
}

export interface CachesOptions {
  readonly client: KubeClient;
  /** Absent: all. */
  readonly watchNamespaces: readonly string[] | undefined;
  readonly restarts?: Counter<'kind' | 'reason'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createCaches(options: CachesOptions): Caches {
  const { client, watchNamespaces: namespaces, restarts, clock, logger } = options;
  function follow<T extends KubeObject>(definition: ResourceDefinition<T>) {
    const resource = client.resource(definition);
    const cache = new Informer({ resource, namespaces, clock, logger, ...(restarts && { restarts }) });
    return { cache, resource: observing(resource, cache) };
  }
  const { cache: networks, resource: networkResource } = follow(NETWORKS);
  const { cache: nodes, resource: nodeResource } = follow(NODES);
  const { cache: credentials, resource: credentialResource } = follow(CREDENTIALS);

  nodes.addIndex('network', (node) => {
    const network = networkKeyOf(node);
    return network === undefined ? [] : [network];
  });
  const recordIn = (node: Seen<Node>) => unlessUnreadable(() => recordOf(node));
  nodes.addIndex('token', (node) => {
    const record = recordIn(node);
    return record === undefined ? [] : [record.token];
  });
  nodes.addIndex('launch', (node) => {
    const record = recordIn(node);
    return record === undefined ? [] : [`${record.token}/${record.index}`];
  });
  nodes.addIndex('machine', ({ parsed: node }) =>
    node.ok && node.value.status.machine ? [node.value.status.machine.id] : [],
  );
  nodes.addIndex('credential', credentialsOfNode);
  networks.addIndex('credential', credentialsOfNetwork);
  return { networks, networkResource, nodes, nodeResource, credentials, credentialResource };
}

/** Keys of the CloudCredentials that it takes to make its placements, and to remove those that left the spec. */
export function credentialsOfNetwork(network: Seen<Network>): readonly string[] {
  const { metadata, parsed } = network;
  const refs = [
    ...(parsed.ok ? parsed.value.spec.placements : []),
    ...(unlessUnreadable(() => [...notedPlaces(network).values()]) ?? []),
  ];
  return [
    ...new Set(refs.map(({ credentialRef }) => keyOf({ namespace: metadata.namespace, ...credentialRef }))),
  ];
}

/** Key of the CloudCredential that the Node names; none when the Node cannot be read. */
export function credentialsOfNode({ metadata: { namespace }, parsed }: Seen<Node>): readonly string[] {
  return parsed.ok ? [keyOf({ namespace, ...parsed.value.spec.credentialRef })] : [];
}

/** An annotation that is not what the operator writes says nothing; the object's own pass tells of it. */
function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
