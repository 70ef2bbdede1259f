/** The ConfigMap that tells other programs of a Network's peers: kept as it should be, and taken away again. */
import { API_VERSION } from '../../api/common.ts';
import { ANNOTATIONS, LABELS, peersConfigMapName } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { NetworkStatus, PlanStep } from '../../api/network-status.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden, isForbiddenNamespaceTerminating } from '../../kube/errors.ts';
import { type KubeObject, keyOf } from '../../kube/object.ts';
import type { GatewayObject } from '../../planning/gateway.ts';
import { type ListedPeer, peersConfig } from '../../planning/peering.ts';
import type { Clock } from '../../runtime/clock.ts';
import { describeError } from '../../runtime/errors.ts';
import { hash } from '../../runtime/hash.ts';
import type { Seen } from '../kinds.ts';
import type { Trouble } from '../trouble.ts';
import { GATEWAY_KINDS, isAsWished, ownership } from './gateway-kinds.ts';

export interface PeersConfigLook {
  /** Undefined: the Network has no `peering`. */
  readonly listed: readonly ListedPeer[] | undefined;
  /** Only look, and tell the steps. */
  readonly dryRun: boolean;
  /** What was seen before does not count. */
  readonly anew: boolean;
  readonly signal: AbortSignal;
}

export interface PeersConfigReport {
  /** What would be done; in a dry run only. */
  readonly steps: readonly PlanStep[];
  readonly trouble?: Trouble;
  /** For the status, which speaks of peers as long as there may be a ConfigMap of them. */
  readonly peers: NetworkStatus['peers'];
}

/** At rest it is looked at so often, for what others did to it. */
const restLookMs = 600_000;
const troubleLookMs = 60_000;

interface Memory {
  readonly lookedAt: number;
  readonly found: KubeObject | undefined;
}

const BECAUSE = {
  create: 'the Network has peering',
  update: 'its peers are others',
  delete: 'the Network has no peering any more',
} as const;

/**
 * `align` writes when the list is another, and answers what stands in its way. A Network that goes takes its ConfigMap along
 * by owner reference.
 */
export function createPeersConfigs({
  client,
  clock,
}: {
  readonly client: KubeClient;
  readonly clock: Clock;
}) {
  const configMaps = client.resource(GATEWAY_KINDS.configMap);
  const memories = new Map<string, Memory>();

  async function align(
    seen: Seen<Network>,
    network: Network,
    look: PeersConfigLook,
  ): Promise<PeersConfigReport> {
    const { listed } = look;
    const { peers } = network.status;
    // It was there as long as the status spoke of peers, whoever wrote that.
    if (listed === undefined && peers === undefined) return { steps: [], peers };
    const told = listed ?? peers;
    try {
      return listed === undefined
        ? { peers, ...(await clear(seen, look)) }
        : { peers: told, ...(await keep(seen, wishedFor(seen, network, listed), look)) };
    } catch (error) {
      memories.delete(keyOf(seen.metadata));
      // The namespace goes, and all in it.
      if (isForbiddenNamespaceTerminating(error)) return { steps: [], peers: told };
      if (isForbidden(error))
        return { steps: [], trouble: trouble('PeersForbidden', describeError(error)), peers: told };
      throw error;
    }
  }

  async function keep(
    { metadata }: Seen<Network>,
    wished: GatewayObject,
    { dryRun, anew, signal }: PeersConfigLook,
  ): Promise<Pick<PeersConfigReport, 'steps' | 'trouble'>> {
    const key = keyOf(metadata);
    const { name } = wished.metadata;
    const known = memories.get(key);
    const now = clock.monotonic();
    const isKnown = known !== undefined && !anew && now - known.lookedAt < restLookMs;
    const memory = isKnown
      ? known
      : { lookedAt: now, found: await configMaps.get(wished.metadata, { signal }) };
    const { found } = memory;
    if (found !== undefined && ownership(found, metadata) !== 'ours') {
      memories.delete(key);
      // That of an earlier Network of this name is on its way out.
      if (ownership(found, metadata) === 'earlier') return { steps: dryRun ? [stepOf(name, 'create')] : [] };
      const message = `peers: ConfigMap ${name} exists and is not ours: rename or remove it`;
      return { steps: [], trouble: trouble('AlreadyExists', message) };
    }
    const isSame = found !== undefined && isAsWished(found, wished);
    if (isSame || dryRun) {
      memories.set(key, memory);
      return { steps: isSame ? [] : [stepOf(name, found === undefined ? 'create' : 'update')] };
    }
    const next = await configMaps.patch(wished.metadata, wished, { type: 'apply', signal });
    memories.set(key, { ...memory, found: next });
    return { steps: [] };
  }

  async function clear(
    { metadata }: Seen<Network>,
    { dryRun, signal }: PeersConfigLook,
  ): Promise<Partial<PeersConfigReport> & Pick<PeersConfigReport, 'steps'>> {
    memories.delete(keyOf(metadata));
    const name = { namespace: metadata.namespace, name: peersConfigMapName(metadata.name) };
    const found = await configMaps.get(name, { signal });
    if (found === undefined || ownership(found, metadata) !== 'ours') return { steps: [], peers: undefined };
    if (dryRun) return { steps: [stepOf(name.name, 'delete')] };
    await configMaps.delete(name, { uid: found.metadata.uid, signal });
    return { steps: [], peers: undefined };
  }

  return {
    align,
    /** The Network is gone. */
    forget: (key: string) => void memories.delete(key),
  };
}

function stepOf(name: string, verb: keyof typeof BECAUSE): PlanStep {
  return { verb, kind: GATEWAY_KINDS.configMap.kind, name, because: BECAUSE[verb] };
}

function wishedFor(
  { metadata }: Seen<Network>,
  network: Network,
  listed: readonly ListedPeer[],
): GatewayObject {
  const { name, namespace, uid } = metadata;
  const owner = { apiVersion: API_VERSION, kind: 'Network', name, uid, controller: true };
  const data = peersConfig(
    listed,
    network.spec.placements.map((placement) => placement.name),
  );
  return {
    metadata: {
      name: peersConfigMapName(name),
      namespace,
      labels: { [LABELS.network]: name },
      annotations: { [ANNOTATIONS.wish]: hash(data) },
      ownerReferences: [owner],
    },
    data,
  };
}

function trouble(reason: 'AlreadyExists' | 'PeersForbidden', message: string): Trouble {
  return { reason, message, stalled: true, retryAfterMs: troubleLookMs };
}
