/** What was seen of a Network's gateway in the cluster, and when to look again. It is lost with the process. */
import { gatewayName } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import { type KubeObject, keyOf } from '../../kube/object.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Seen } from '../kinds.ts';
import { type gatewayResources, PARTS, type Part } from './gateway-kinds.ts';

/** What runs of it is looked at so often while it starts or changes: less and less when that takes long. */
const busyLookMs = 5_000;
const longestBusyLookMs = 60_000;
export const restLookMs = 300_000;

type Found = Partial<Record<Part, KubeObject>>;

export interface GatewayMemory {
  readonly lookedAt: number;
  readonly found: Found;
  /** Since when it is not as wished, or does not serve yet. */
  unsettledSince?: number | undefined;
  reweightSince?: number | undefined;
}

export function createGatewayMemories(resources: ReturnType<typeof gatewayResources>, clock: Clock) {
  const memories = new Map<string, GatewayMemory>();

  /** What there is: as seen last, or looked at anew when that is long ago or was still changing. */
  async function recall(
    metadata: Seen<Network>['metadata'],
    { anew, signal }: { readonly anew: boolean; readonly signal: AbortSignal },
  ): Promise<GatewayMemory> {
    const memory = memories.get(keyOf(metadata));
    const now = clock.monotonic();
    if (memory !== undefined && !anew && now - memory.lookedAt < lookPauseMs(memory)) {
      return memory;
    }
    const name = { namespace: metadata.namespace, name: gatewayName(metadata.name) };
    const objects = await Promise.all(
      PARTS.map(async (part) => [part, await resources[part].get(name, { signal })] as const),
    );
    const found: Found = {};
    for (const [part, object] of objects) {
      if (object !== undefined) {
        found[part] = object;
      }
    }
    return {
      lookedAt: now,
      found,
      unsettledSince: memory?.unsettledSince,
      reweightSince: memory?.reweightSince,
    };
  }

  function lookPauseMs({ unsettledSince }: GatewayMemory): number {
    if (unsettledSince === undefined) {
      return restLookMs;
    }
    const lasting = clock.monotonic() - unsettledSince;
    return Math.min(Math.max(lasting / 4, busyLookMs), longestBusyLookMs);
  }

  return {
    recall,
    lookPauseMs,
    keep: (key: string, memory: GatewayMemory): void => void memories.set(key, memory),
    forget: (key: string): void => void memories.delete(key),
  };
}
