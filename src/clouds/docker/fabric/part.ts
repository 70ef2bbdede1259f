/**
 * One kind of read, kept. An engine answers what is so, and without lag: after an own write it is enough to read again.
 */
import { isDeepStrictEqual } from 'node:util';
import { unlessAborted } from '../../../runtime/deadline.ts';
import type { CallOptions } from '../sdk.ts';

/** How soon something that is changing is worth another look. */
const QUICK_MS = 2_000;

export interface Part<Value> {
  /** What was read at most `maxAgeMs` ago, and since the last `expire`. Callers at the same time share one reading. */
  ensure(maxAgeMs: number, asker: CallOptions): Promise<Value>;
  /** As read last. */
  value(): Value | undefined;
  /** When the last read began, in milliseconds since the epoch; undefined before the first. */
  readAt(): number | undefined;
  /** The next `ensure` reads, whatever the age. */
  expire(): void;
}

export interface PartOptions<Value> {
  readonly now: () => number;
  readonly read: (asker: CallOptions) => Promise<Value>;
  /** Aborted when the session is closed. A reading is everybody's: no single caller ends it. */
  readonly closed: AbortSignal;
  /** Whether it is about to change by itself. Then it is read again soon, and ever more slowly while nothing comes of it. */
  readonly moving?: (value: Value) => boolean;
}

interface Kept<Value> {
  readonly value: Value;
  readonly turn: number;
  readonly readAt: number;
  readonly changedAt: number;
}

export function createPart<Value>(options: PartOptions<Value>): Part<Value> {
  const { now, read, closed, moving = () => false } = options;
  let kept: Kept<Value> | undefined;
  /** Counts what was expired: a reading of an earlier turn may not show what was done since. */
  let turn = 0;
  let flying: { readonly turn: number; readonly result: Promise<Value> } | undefined;

  function isDue(maxAgeMs: number): boolean {
    if (kept?.turn !== turn) return true;
    const ageMs = now() - kept.readAt;
    if (ageMs >= maxAgeMs) return true;
    return moving(kept.value) && ageMs >= Math.max(QUICK_MS, (kept.readAt - kept.changedAt) / 4);
  }

  async function readNow(asker: CallOptions, mine: number): Promise<Value> {
    const readAt = now();
    const value = await read({ ...asker, signal: closed });
    // One that took its time may be overtaken.
    if (kept !== undefined && kept.turn > mine) return value;
    const changedAt = kept !== undefined && isDeepStrictEqual(kept.value, value) ? kept.changedAt : readAt;
    kept = { value, turn: mine, readAt, changedAt };
    return value;
  }

  return {
    ensure: async (maxAgeMs, asker) => {
      if (kept !== undefined && !isDue(maxAgeMs)) return kept.value;
      if (flying?.turn !== turn) {
        const begun = { turn, result: readNow(asker, turn) };
        const landed = (): void => {
          if (flying === begun) flying = undefined;
        };
        begun.result.then(landed, landed);
        flying = begun;
      }
      return await unlessAborted(asker.signal, flying.result);
    },
    value: () => kept?.value,
    readAt: () => kept?.readAt,
    expire: () => {
      turn += 1;
    },
  };
}
