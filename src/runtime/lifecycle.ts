import type { Clock } from './clock.ts';
import { describeError } from './errors.ts';
import type { Logger } from './logger.ts';

export interface LifecycleOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For all steps of the stop together. Below the Pod's grace period of 30 s. Default 10 s. */
  readonly stopWithinMs?: number;
  /** Where SIGTERM and SIGINT come from: the process. */
  readonly signals: {
    on(name: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
    off(name: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  };
}

export interface Lifecycle {
  /** Aborted by SIGTERM, by SIGINT, or by `end`. */
  readonly signal: AbortSignal;
  /** Ends it from inside, with the reason for the log. */
  end(reason: string): void;
  /** Ends with this work, however that ends. What it fails of, unless it was told to end, is logged and spoils `run`. */
  endWith(work: Promise<void>): Promise<void>;
  /** What to do at the stop; the last one told is the first one done. */
  onStop(name: string, stop: () => Promise<void> | void): void;
  /** Waits for the signal, then stops everything in order. True when all of it, work included, ended well and in time. */
  run(): Promise<boolean>;
}

export function createLifecycle({
  clock,
  logger,
  stopWithinMs = 10_000,
  signals,
}: LifecycleOptions): Lifecycle {
  const ending = new AbortController();
  const steps: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];
  let failed = false;
  const end = (reason: string) => ending.abort(new Error(reason));
  const onTerm = () => end('SIGTERM');
  const onInt = () => end('SIGINT');
  signals.on('SIGTERM', onTerm);
  signals.on('SIGINT', onInt);

  async function stopAll(): Promise<boolean> {
    let well = true;
    for (const { name, stop } of steps.reverse()) {
      try {
        await stop();
      } catch (error) {
        well = false;
        logger.error({ step: name, error: describeError(error) }, 'stopping failed');
      }
    }
    return well;
  }

  return {
    signal: ending.signal,
    end,
    async endWith(work) {
      try {
        await work;
      } catch (error) {
        if (ending.signal.aborted) return;
        failed = true;
        logger.error({ error: describeError(error) }, 'work failed');
      } finally {
        end('work is over');
      }
    },
    onStop: (name, stop) => steps.push({ name, stop }),
    async run() {
      await aborted(ending.signal);
      // From now on a second Ctrl-C ends the process at once, as it does by default.
      signals.off('SIGINT', onInt);
      signals.off('SIGTERM', onTerm);
      logger.info({ reason: describeError(ending.signal.reason) }, 'stopping');
      const late = Promise.withResolvers<boolean>();
      const cancel = clock.after(stopWithinMs, () => {
        logger.error({ stopWithinMs }, 'stopping took too long, left the rest');
        late.resolve(false);
      });
      const well = await Promise.race([stopAll(), late.promise]);
      cancel();
      return well && !failed;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
