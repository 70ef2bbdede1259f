/** Terminating many machines with few calls, and none that is not ours. */
import { CloudError, type Machine } from '../cloud.ts';
import type { Sdk } from './sdk.ts';

export interface Removal {
  readonly sdk: Pick<Sdk, 'terminateInstances'>;
  readonly cluster: string;
  readonly read: (ids: readonly string[], signal: AbortSignal) => Promise<readonly Machine[]>;
  /** Each small enough for one call. */
  readonly chunks: readonly (readonly string[])[];
  readonly signal: AbortSignal;
}

/**
 * EC2 refuses a whole call for one bad id and names it only in its text. Such a call is cut in halves until the bad one
 * stands alone: about 2 log2(n) calls for each.
 */
const SPLITS = new Set([
  'InvalidInstanceID.NotFound',
  'InvalidInstanceID.Malformed',
  'OperationNotPermitted',
]);

/** Calls spent on one removal; what is left then is told as refused and comes with the next. */
const callLimit = 64;

/**
 * An unknown id counts as gone, which proves nothing: a young machine is unknown for a while. A machine that is seen
 * without our cluster tag is never touched, whoever asks.
 */
export async function removeMachines(
  removal: Removal,
): Promise<{ refused: ReadonlyMap<string, CloudError> }> {
  const refused = new Map<string, CloudError>();
  let calls = 0;

  async function terminate(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const error = await attempt(removal, ids);
    calls += 1;
    if (error === undefined || (ids.length === 1 && error.reason.startsWith('InvalidInstanceID.'))) return;
    if (ids.length === 1 || !SPLITS.has(error.reason) || calls >= callLimit) {
      for (const id of ids) refused.set(id, error);
      return;
    }
    const half = Math.ceil(ids.length / 2);
    await terminate(ids.slice(0, half));
    await terminate(ids.slice(half));
  }

  for (const ids of removal.chunks) {
    const seen = new Map((await removal.read(ids, removal.signal)).map((machine) => [machine.id, machine]));
    const foreign = ids.filter((id) => seen.has(id) && seen.get(id)?.owner.cluster !== removal.cluster);
    for (const id of foreign) refused.set(id, notOurs(id));
    const known = ids.filter((id) => seen.has(id) && !refused.has(id));
    // Apart, so that those long gone cannot make the calls for the others fail.
    await terminate(known.filter((id) => seen.get(id)?.state !== 'terminated'));
    await terminate(ids.filter((id) => !seen.has(id)));
  }
  return { refused };
}

async function attempt({ sdk, signal }: Removal, ids: readonly string[]): Promise<CloudError | undefined> {
  try {
    await sdk.terminateInstances({ InstanceIds: [...ids] }, { signal });
    return undefined;
  } catch (thrown) {
    if (thrown instanceof CloudError) return thrown;
    throw thrown;
  }
}

function notOurs(id: string): CloudError {
  return new CloudError({
    api: 'TerminateInstances',
    code: 'unauthorized',
    outcome: 'none',
    reason: 'NotOurs',
    message: `${id} does not carry this cluster's tag`,
  });
}
