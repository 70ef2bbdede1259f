import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface Deadline {
  /** Default two minutes: far more than it takes, since a busy machine is no failure. */
  readonly withinMs?: number;
  /** What is waited for, in words, for the message. */
  readonly what?: string;
}

const pollMs = 200;

/**
 * Reads until the predicate holds and answers what was read. At the deadline it rejects with the last value read, since
 * that is what tells why. A predicate that throws (an `expect`) counts as "not yet", and its reason is told, too.
 */
export async function eventually<T>(
  read: () => Promise<T>,
  holds: (value: T) => unknown,
  { withinMs = 120_000, what = 'what was expected' }: Deadline = {},
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await read();
    let reason: unknown;
    try {
      // `undefined` is what a passed `expect` answers.
      if (holds(value) !== false) {
        return value;
      }
    } catch (error) {
      reason = error;
    }
    if (Date.now() > deadline) {
      const last = inspect(value, { depth: 8, breakLength: 120 });
      throw new Error(`${what} did not come about within ${withinMs} ms; last seen: ${last}`, {
        cause: reason,
      });
    }
    await delay(pollMs);
  }
}
