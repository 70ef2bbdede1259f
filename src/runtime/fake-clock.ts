import { type Clock, sleepWith } from './clock.ts';

export interface FakeClock extends Clock {
  /**
   * Moves time on, running what falls due in its order, and lets promises settle after each. What is scheduled
   * on the way runs too when it falls inside. Await it, then look.
   */
  advance(delayMs: number): Promise<void>;
  /** Lets promises settle without moving time. */
  settle(): Promise<void>;
  /** How many timers are pending: a stopped thing leaves none behind. */
  pending(): number;
}

/** Time that only moves when a test says so. `startMs`: what `now()` shows at first. */
export function createFakeClock(startMs = Date.parse('2030-01-01T00:00:00Z')): FakeClock {
  const timers = new Map<number, { at: number; run: () => void }>();
  let elapsedMs = 0;
  let nextId = 0;

  const after: Clock['after'] = (delayMs, run) => {
    const id = nextId++;
    timers.set(id, { at: elapsedMs + Math.max(delayMs, 0), run });
    return () => timers.delete(id);
  };

  function earliest(untilMs: number) {
    let found: { id: number; at: number; run: () => void } | undefined;
    for (const [id, timer] of timers) {
      if (timer.at <= untilMs && (found === undefined || timer.at < found.at)) found = { id, ...timer };
    }
    return found;
  }

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    after,
    sleep: sleepWith(after),
    pending: () => timers.size,
    settle,
    async advance(delayMs) {
      const untilMs = elapsedMs + delayMs;
      await settle();
      for (let timer = earliest(untilMs); timer !== undefined; timer = earliest(untilMs)) {
        timers.delete(timer.id);
        elapsedMs = Math.max(elapsedMs, timer.at);
        timer.run();
        await settle();
      }
      elapsedMs = untilMs;
    },
  };
}

/** The check phase comes after every promise that was ready, however long its chain. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
