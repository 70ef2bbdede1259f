/** Whom a gateway is to pass on to, by what was seen of the placements and what it does now. */
import type { Network } from '../../api/network.ts';
import { type GatewayPlace, isReweighted, type Pool, poolOf } from '../../planning/gateway-pool.ts';
import type { Clock } from '../../runtime/clock.ts';
import { poolIn } from './gateway-kinds.ts';
import type { GatewayMemory } from './gateway-memory.ts';

export interface SeenPlace extends GatewayPlace {
  /** Whether its cloud was asked. While it was not, the balancer known last counts. */
  readonly observed: boolean;
}

/** New weights roll the Pods: so long they have to be called for. */
export const reweightAfterMs = 120_000;

/** Changes what the memory says of how long new weights have been called for. */
export function nextPool(
  network: Network,
  places: readonly SeenPlace[],
  { memory, clock }: { readonly memory: GatewayMemory; readonly clock: Clock },
): Pool {
  const before = poolIn(memory.found.configMap);
  const known = places.map(({ observed, address, ...place }) => {
    const at = observed ? address : (address ?? before.get(place.name)?.address);
    return at === undefined ? place : { ...place, address: at };
  });
  const { algorithm } = network.spec.gateway ?? { algorithm: 'RoundRobin' };
  const after = poolOf(algorithm, known, before);
  if (algorithm !== 'Weighted' || !isReweighted(before, after)) {
    memory.reweightSince = undefined;
    return after;
  }
  memory.reweightSince ??= clock.monotonic();
  if (clock.monotonic() - memory.reweightSince < reweightAfterMs) {
    return new Map([...after].map(([name, place]) => [name, before.get(name) ?? place]));
  }
  memory.reweightSince = undefined;
  return after;
}
