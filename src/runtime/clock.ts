/** Takes back what was scheduled. Harmless when it has already run. */
export type Cancel = () => void;

/** Time as a parameter: nothing outside this file reads the machine's clocks or sets a timer for itself. */
export interface Clock {
  /** Milliseconds since the epoch: for what users and other machines read. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start: for measuring. Never goes back. */
  monotonic(): number;
  /** Runs `run` once after `delayMs`. */
  after(delayMs: number, run: () => void): Cancel;
  /** Resolves after `delayMs`; rejects with the signal's reason when that is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout takes a signed 32-bit number and fires at once above it. */
const longestTimerMs = 2 ** 31 - 1;

const after: Clock['after'] = (delayMs, run) => {
  const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), longestTimerMs));
  return () => clearTimeout(timer);
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
  sleep: sleepWith(after),
};

/** `sleep` for any clock that has `after`. */
export function sleepWith(schedule: Clock['after']): Clock['sleep'] {
  return (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const cancel = schedule(delayMs, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      function stop() {
        cancel();
        reject(signal?.reason);
      }
      signal?.addEventListener('abort', stop, { once: true });
    });
}
