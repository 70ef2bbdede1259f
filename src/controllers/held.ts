import type { Network } from '../api/network.ts';
import type { Seen } from './kinds.ts';

/**
 * Why nothing of the Network, its Nodes and their machines may be changed in any cloud; undefined when all may. Deleting
 * it is a wish of its own, which `mode: Plan` does not hold up.
 */
export function holdOf({ metadata, parsed }: Seen<Network>): 'Paused' | 'PlanPending' | undefined {
  if (!parsed.ok) return undefined;
  if (parsed.value.spec.paused) return 'Paused';
  return parsed.value.spec.mode === 'Plan' && metadata.deletionTimestamp === undefined
    ? 'PlanPending'
    : undefined;
}

export function isHeld(network: Seen<Network>): boolean {
  return holdOf(network) !== undefined;
}
