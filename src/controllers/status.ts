import type { Condition } from '../api/common.ts';
import type { ConditionType, Reason } from '../api/reasons.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { mergePatch } from '../kube/merge-patch.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';
import { removeCondition, setCondition } from './conditions.ts';

/** How an object stands, as kstatus reads it: one of these is always true. */
export interface Standing {
  /** `working`: goes on by itself. `stalled`: only a person can mend it. `idle`: not ready, and nothing is under way. */
  readonly kind: 'ready' | 'working' | 'stalled' | 'idle';
  readonly reason: Reason;
  readonly message: string;
}

/**
 * Ready, and beside it Reconciling or Stalled while they hold.
 * https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
export function conditionsFor(
  before: readonly Condition[] | undefined,
  standing: Standing,
  options: { readonly generation: number; readonly now: number },
): readonly Condition[] {
  const { kind, reason, message } = standing;
  const { generation: observedGeneration, now } = options;
  const readyStatus = kind === 'ready' ? 'True' : kind === 'idle' ? 'Unknown' : 'False';
  let conditions = put(before, 'Ready', readyStatus);
  conditions =
    kind === 'working' ? put(conditions, 'Reconciling', 'True') : removeCondition(conditions, 'Reconciling');
  conditions =
    kind === 'stalled' ? put(conditions, 'Stalled', 'True') : removeCondition(conditions, 'Stalled');
  return conditions;

  function put(
    list: readonly Condition[] | undefined,
    type: ConditionType,
    status: 'True' | 'False' | 'Unknown',
  ) {
    return setCondition(list, { type, status, reason, message, observedGeneration }, now);
  }
}

/** Writes what changed, if anything did. The object may be gone, or be newer, by now: then another pass follows. */
export async function writeStatus<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  {
    before,
    after,
    signal,
  }: { readonly before: unknown; readonly after: unknown; readonly signal: AbortSignal },
): Promise<void> {
  const patch = mergePatch(before, after);
  if (patch === undefined) return;
  try {
    await resource.patch(
      object.metadata,
      { status: patch },
      { type: 'merge', subresource: 'status', signal },
    );
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
