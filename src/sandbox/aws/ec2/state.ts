import type { Instance } from '../records.ts';
import type { Region } from '../region.ts';

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopped';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html */
export const stateCodes: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopped: 80,
};

/**
 * The state of a machine at a moment, from its times alone: nothing has to run for it to change. Undefined once a
 * terminated machine has left the lists.
 */
export function stateOf(region: Region, instance: Instance, at: number): InstanceState | undefined {
  if (instance.endedAt !== undefined && at >= instance.endedAt) {
    const terminatedAt = instance.endedAt + region.settings.shutdownMs;
    if (at >= terminatedAt + region.settings.terminatedVisibleMs) return undefined;
    return at >= terminatedAt ? 'terminated' : 'shutting-down';
  }
  if (instance.stoppedAt !== undefined && at >= instance.stoppedAt) return 'stopped';
  return at < runningAt(instance) ? 'pending' : 'running';
}

export function runningAt(instance: Instance): number {
  return instance.launchedAt + instance.bootMs;
}

/** Whether the machine still holds what it uses: groups, addresses, subnet. */
export function isAlive(region: Region, instance: Instance, at: number): boolean {
  const state = stateOf(region, instance, at);
  return state !== undefined && state !== 'terminated';
}
