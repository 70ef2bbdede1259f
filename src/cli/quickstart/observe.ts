import { GROUP, VERSION } from '../../api/common.ts';
import { networkStatus } from '../../api/network-status.ts';
import { nodeStatus } from '../../api/node.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Resource } from '../../kube/resource.ts';
import type { NetworkView, NodeView, WorldView } from './table.ts';

/** What the quickstart reads of a Network beside what it shows. */
export interface NetworkState extends NetworkView {
  /** Its status speaks of the newest spec. */
  readonly current: boolean;
  /** And it is Ready. */
  readonly settled: boolean;
  /** `host:port` where clients connect. */
  readonly endpoints: readonly string[];
}

export interface Observer {
  world(namespace: string, signal: AbortSignal): Promise<WorldView>;
  network(namespace: string, name: string, signal: AbortSignal): Promise<NetworkState | undefined>;
}

const raw = (object: KubeObject) => object;

/** Reads what there is through the API server alone, as a user with kubectl would. */
export function createObserver(kube: KubeClient, now: () => number): Observer {
  const define = (plural: string, kind: string): Resource<KubeObject> =>
    kube.resource({ group: GROUP, version: VERSION, plural, kind, namespaced: true, parse: raw });
  const networks = define('networks', 'Network');
  const nodes = define('nodes', 'Node');
  return {
    world: async (namespace, signal) => {
      const [some, more] = await Promise.all([
        networks.list({ namespace, signal }),
        nodes.list({ namespace, signal }),
      ]);
      return {
        networks: some.items.map(viewNetwork),
        nodes: more.items.map((node) => viewNode(node, now())),
      };
    },
    network: async (namespace, name, signal) => {
      const network = await networks.get({ namespace, name }, { signal });
      return network === undefined ? undefined : viewNetwork(network);
    },
  };
}

export function viewNetwork({ metadata, status }: KubeObject): NetworkState {
  const {
    observedGeneration,
    conditions = [],
    placements = [],
    endpoints = [],
    ...counts
  } = networkStatus.parse(status ?? {});
  const ready = conditions.find((condition) => condition.type === 'Ready');
  const current = observedGeneration === metadata.generation;
  return {
    name: metadata.name,
    ready: ready?.status ?? 'Unknown',
    readyReplicas: counts.readyReplicas ?? 0,
    replicas: counts.desiredReplicas ?? 0,
    message: ready?.message ?? '',
    balancers: placements.flatMap(({ name, balancer }) =>
      balancer === undefined
        ? []
        : [
            {
              placement: name,
              state: balancer.active ? 'active' : 'provisioning',
              address: balancer.address,
            },
          ],
    ),
    current,
    settled: current && ready?.status === 'True',
    endpoints,
  };
}

export function viewNode({ metadata, status }: KubeObject, now: number): NodeView {
  const { phase = '', machine } = nodeStatus.parse(status ?? {});
  return {
    name: metadata.name,
    phase,
    zone: machine?.zone ?? '',
    // A container's id has 64 digits, of which the engine's own tables show twelve.
    machine: machine?.id.replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, '$1') ?? '',
    address: machine?.publicAddress ?? machine?.privateAddress ?? '',
    ageSeconds: Math.max(0, (now - Date.parse(metadata.creationTimestamp)) / 1000),
  };
}
