import type { Network } from '../api/network.ts';
import type { Seen } from './kinds.ts';
import type { Standing } from './status.ts';

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

/** `by`: what is paused. */
export function pausedStanding(
  by: 'operator' | 'Network',
  { leaving }: { readonly leaving: boolean },
): Standing {
  const on = by === 'Network' ? '`paused: false` carries' : 'an operator that is not paused carries';
  const message = leaving
    ? `it is deleted, and the ${by} is paused: nothing in the cloud is changed; ${on} it out`
    : 'paused: nothing in the cloud is changed';
  return { kind: 'idle', reason: 'Paused', message };
}
