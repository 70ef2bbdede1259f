import type { Network } from '../api/network.ts';
import type { Seen } from './kinds.ts';

/**
 * Why nothing of the Network, its Nodes and their machines may be changed in any cloud; undefined when all may. That holds
 * for one that is deleted too: whoever wants to see first what would be done wants that most of a removal.
 */
export function holdOf({ parsed }: Seen<Network>): 'Paused' | 'PlanPending' | undefined {
  if (!parsed.ok) return undefined;
  if (parsed.value.spec.paused) return 'Paused';
  return parsed.value.spec.mode === 'Plan' ? 'PlanPending' : undefined;
}

export function isHeld(network: Seen<Network>): boolean {
  return holdOf(network) !== undefined;
}
