import type { Condition } from '../api/common.ts';
import type { Informer } from '../kube/informer.ts';
import type { Resource } from '../kube/resource.ts';
import type { Clock } from '../runtime/clock.ts';
import { describeError } from '../runtime/errors.ts';
import type { Seen } from './kinds.ts';
import { conditionsFor, type Standing, writeStatus } from './status.ts';
import type { Telling } from './telling.ts';

interface Told {
  readonly status: { readonly conditions?: readonly Condition[]; readonly observedGeneration?: number };
}

/** An error of a library can be a page. */
const longestWords = 400;

/**
 * For all kinds: says on the object that its pass failed for a reason of the operator's own. Written if it reads
 * differently, so a failure that repeats itself is written once; the next pass that goes well writes over it.
 */
export function tellInternalError<T extends Told>(
  cache: Informer<Seen<T>>,
  resource: Resource<Seen<T>>,
  { tell, clock }: { readonly tell: Telling; readonly clock: Clock },
): (key: string, error: unknown, signal: AbortSignal) => Promise<void> {
  return async (key, error, signal) => {
    const seen = cache.get(key);
    if (seen === undefined || !seen.parsed.ok) return;
    const { status: before } = seen.parsed.value;
    const { generation } = seen.metadata;
    const words = describeError(error).replaceAll(/\s+/g, ' ');
    const short = words.length > longestWords ? `${words.slice(0, longestWords)}...` : words;
    const standing: Standing = {
      kind: 'working',
      reason: 'InternalError',
      message: `the operator failed: ${short}; it is tried again, ever more slowly`,
    };
    tell({ object: seen, before: before.conditions, standing });
    const conditions = conditionsFor(before.conditions, standing, { generation, now: clock.now() });
    const after = { ...before, observedGeneration: generation, conditions };
    await writeStatus(resource, seen, { before, after, signal });
  };
}
