/** Lets so many at a time and makes the rest wait, first come, first served. */
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { CloudError } from '../cloud.ts';

export interface TurnsOptions {
  readonly atOnce: number;
  /** Whoever has waited so long is sent away, with nothing done. */
  readonly patienceMs: number;
  readonly clock?: Clock;
}

export type Turns = <Answer>(signal: AbortSignal, work: () => Promise<Answer>) => Promise<Answer>;

export function createTurns({ atOnce, patienceMs, clock = systemClock }: TurnsOptions): Turns {
  let working = 0;
  const queue: (() => void)[] = [];

  function turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (working < atOnce) {
      working += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown) => {
        settle();
        queue.splice(queue.indexOf(begin), 1);
        reject(reason);
      };
      const abort = () => leave(signal.reason);
      const cancel = clock.after(patienceMs, () => leave(busy(queue.length)));
      const settle = () => {
        cancel();
        signal.removeEventListener('abort', abort);
      };
      const begin = () => {
        settle();
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
      queue.push(begin);
    });
  }

  return async (signal, work) => {
    await turn(signal);
    try {
      return await work();
    } finally {
      // The turn goes on to the next in line, if there is one.
      const next = queue.shift();
      if (next === undefined) working -= 1;
      else next();
    }
  };
}

function busy(waiting: number): CloudError {
  return new CloudError({
    api: 'ContainerCreate',
    code: 'throttled',
    outcome: 'none',
    reason: 'EngineBusy',
    message: `the engine is busy with other containers; ${waiting} wait`,
  });
}
