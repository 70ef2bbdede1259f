import { unlessAborted } from '../../../runtime/deadline.ts';

/**
 * Lets callers who want the same thing at the same time share one attempt. One caller's abort ends only that caller's
 * wait; the attempt itself is aborted when nobody waits for it any more.
 */
export function shareFlight<Input, Result>(
  start: (input: Input, signal: AbortSignal) => Promise<Result>,
): (input: Input, signal: AbortSignal) => Promise<Result> {
  let flying:
    | { readonly result: Promise<Result>; readonly abort: AbortController; waiting: number }
    | undefined;
  return async (input, signal) => {
    signal.throwIfAborted();
    if (flying === undefined) {
      const abort = new AbortController();
      const result = start(input, abort.signal);
      const begun = { result, abort, waiting: 0 };
      const landed = (): void => {
        if (flying === begun) flying = undefined;
      };
      result.then(landed, landed);
      flying = begun;
    }
    const mine = flying;
    mine.waiting += 1;
    try {
      return await unlessAborted(signal, mine.result);
    } finally {
      mine.waiting -= 1;
      if (mine.waiting === 0) {
        if (flying === mine) flying = undefined;
        mine.abort.abort();
      }
    }
  };
}
