import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { describeError } from './errors.ts';
import type { Logger } from './logger.ts';
import type { ControllerMetrics } from './metrics.ts';
import type { WorkQueue } from './queue.ts';

/** How a pass ends when nothing went wrong. Trouble is thrown. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly afterMs: number; readonly why: string };

/** Nothing left to do until something changes. */
export const done: Outcome = { kind: 'done' };

/** Look again after a while even if nothing is heard. */
export function again(afterMs: number, why: string): Outcome {
  return { kind: 'again', afterMs, why };
}

export interface ControllerOptions {
  readonly name: string;
  /** How many keys may be in a pass at once. */
  readonly concurrency: number;
  readonly queue: WorkQueue;
  /** One pass over one key. Must heed its signal: until it ends, the key is held back. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  /** A pass that takes longer has its signal aborted. */
  readonly deadlineMs: number;
  /** How long passes may go on after `signal` is aborted before theirs is too. Default 5 s. */
  readonly graceMs?: number;
  /** Errors that come with the trade, such as a lost race: retried all the same, logged at debug. */
  readonly isExpected?: (error: unknown) => boolean;
  /** How long whoever refused asked to be left alone; 0 when it did not. The pass is not repeated before. */
  readonly askedPauseMs?: (error: unknown) => number;
  /**
   * Called after a pass that failed otherwise and is to be repeated, so that it can be said where users look. The key is
   * held back until then. What this throws is logged at debug and goes nowhere: the failed pass stays the story.
   */
  readonly onFailure?: (key: string, error: unknown, signal: AbortSignal) => Promise<void>;
  readonly metrics?: ControllerMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Ends the controller. */
  readonly signal: AbortSignal;
}

/**
 * Takes keys off the queue and runs a pass over each, until the signal; resolves when the last pass has ended. The
 * queue is the only retry: a pass that throws is repeated after the key's backoff.
 */
export async function runController(options: ControllerOptions): Promise<void> {
  const { name: controller, concurrency, queue, metrics, clock, signal, graceMs = 5_000 } = options;
  const passesSignal = new AbortController();
  const endPasses = () => passesSignal.abort(signal.reason);
  let cancelGrace = () => {};
  const stop = () => {
    queue.close();
    cancelGrace = clock.after(graceMs, endPasses);
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });

  metrics?.maxConcurrent.set({ controller }, concurrency);
  for (const result of ['success', 'requeue_after', 'error']) metrics?.passes.inc({ controller, result }, 0);
  metrics?.errors.inc({ controller }, 0);

  let active = 0;
  const showActive = (change: number) => {
    active += change;
    metrics?.activeWorkers.set({ controller }, active);
  };
  showActive(0);

  const worker = async () => {
    for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
      showActive(1);
      await runPass(options, key, passesSignal.signal);
      queue.done(key);
      showActive(-1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  cancelGrace();
}

/** What is told of a failure must not take longer than the failure. */
const tellDeadlineMs = 10_000;

async function runPass(options: ControllerOptions, key: string, signal: AbortSignal): Promise<void> {
  const { name: controller, queue, reconcile, deadlineMs, metrics, logger, clock } = options;
  const startedAt = clock.monotonic();
  try {
    const outcome = await withDeadline(
      { signal, deadlineMs, clock, what: `${controller} ${key}` },
      // Awaited inside, so that what is thrown before the first promise counts as well.
      async (passSignal) => await reconcile(key, passSignal),
    );
    queue.forget(key);
    if (outcome.kind === 'again') {
      queue.addAfter(key, outcome.afterMs);
      logger.debug({ controller, key, afterMs: outcome.afterMs, why: outcome.why }, 'will look again');
    }
    metrics?.passes.inc({ controller, result: outcome.kind === 'again' ? 'requeue_after' : 'success' });
  } catch (error) {
    metrics?.passes.inc({ controller, result: 'error' });
    metrics?.errors.inc({ controller });
    handleError(options, key, error);
    await tellFailure(options, key, error, signal);
  } finally {
    metrics?.passSeconds.observe({ controller }, (clock.monotonic() - startedAt) / 1000);
  }
}

function handleError(options: ControllerOptions, key: string, error: unknown): void {
  const { name: controller, queue, logger, isExpected, askedPauseMs } = options;
  const fields = { controller, key, error: describeError(error) };
  const retryInMs = Math.round(queue.retry(key, askedPauseMs?.(error)));
  if (isExpected?.(error)) logger.debug({ ...fields, retryInMs }, 'pass lost a race');
  else logger.error({ ...fields, retryInMs }, 'pass failed');
}

async function tellFailure(
  options: ControllerOptions,
  key: string,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const { name: controller, onFailure, isExpected, logger, clock } = options;
  // A pass that was told to end did not fail.
  if (onFailure === undefined || signal.aborted || isExpected?.(error)) return;
  try {
    await withDeadline(
      { signal, deadlineMs: tellDeadlineMs, clock, what: `telling the failure of ${controller} ${key}` },
      async (tellSignal) => await onFailure(key, error, tellSignal),
    );
  } catch (second) {
    logger.debug({ controller, key, error: describeError(second) }, 'failure could not be told');
  }
}
