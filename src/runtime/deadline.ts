import type { Clock } from './clock.ts';

export interface DeadlineOptions {
  /** Aborts the work early. Absent: nothing but the deadline does. */
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** What is being done, for the error: `reconciling node chains/a`. */
  readonly what: string;
}

/**
 * Runs `work` with a signal that is aborted at the deadline or with the outer signal, whichever comes first. The work
 * itself is always awaited: giving up on it would leave it running unseen.
 */
export async function withDeadline<T>(
  { signal, deadlineMs, clock, what }: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Not AbortSignal.any: that keeps a record of each short signal on the long-lived one.
  const inner = new AbortController();
  const pass = () => inner.abort(signal?.reason);
  if (signal?.aborted) pass();
  signal?.addEventListener('abort', pass, { once: true });
  const cancel = clock.after(deadlineMs, () => {
    inner.abort(new Error(`${what}: deadline of ${deadlineMs / 1000} s passed`));
  });
  try {
    return await work(inner.signal);
  } finally {
    cancel();
    signal?.removeEventListener('abort', pass);
  }
}

/**
 * What `work` resolves to, or the signal's reason when that comes first: for work that heeds no signal. It is left running
 * then, so there has to be something else that ends it.
 */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const leave = () => aborted.reject(signal.reason);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
