import type { Condition } from '../api/common.ts';
import { wholeSeconds } from '../kube/object.ts';

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** The list with the condition in its place, or at the end. `now` (epoch ms) counts only where the status changes. */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: number,
): readonly Condition[] {
  const before = findCondition(conditions, condition.type);
  const kept = before !== undefined && before.status === condition.status;
  const after = { ...condition, lastTransitionTime: kept ? before.lastTransitionTime : wholeSeconds(now) };
  if (before === undefined) return [...(conditions ?? []), after];
  return (conditions ?? []).map((one) => (one.type === condition.type ? after : one));
}

export function removeCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): readonly Condition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
