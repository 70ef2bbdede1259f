import type { Clock } from '../runtime/clock.ts';
import type { Trouble } from './trouble.ts';

/** How often in a row something failed for a key, why, and when it may be tried again. */
export interface Backoff {
  fail(key: string, trouble: Trouble, token?: string): void;
  /** Failed here, and the next try is elsewhere: no failure yet, as long as there is an elsewhere. */
  hop(key: string, trouble: Trouble, token: string): void;
  of(key: string): Held | undefined;
  failures(key: string): number;
  /** Hops since the last failure. */
  hops(key: string): number;
  /** Of the launch that failed last, so that one failure counts once. */
  tokenOf(key: string): string | undefined;
  /** The next try may be made now. How often it failed stays known. */
  hurry(key: string): void;
  hurryAll(): void;
  /** It goes well. Only when it has done so for `lastingMs` does what failed before count no more. */
  goesWell(key: string): void;
  forget(key: string): void;
}

export interface Held {
  readonly trouble: Trouble;
  /** Until the next try; 0 when it may be made. */
  readonly waitMs: number;
}

interface Entry {
  readonly trouble: Trouble;
  readonly count: number;
  readonly hops: number;
  readonly until: number;
  readonly token: string | undefined;
  /** Since when (monotonic) it has gone well. */
  readonly wellSince?: number;
}

/** `lastingMs`: for how long it has to go well before a failure is a first one again. */
export function createBackoff(clock: Clock, { lastingMs = 0 } = {}): Backoff {
  const entries = new Map<string, Entry>();

  function entryOf(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry?.wellSince === undefined || clock.monotonic() - entry.wellSince < lastingMs) return entry;
    entries.delete(key);
    return undefined;
  }

  const untilOf = ({ retryAfterMs }: Trouble) => clock.monotonic() + retryAfterMs;

  function hurry(key: string): void {
    const entry = entryOf(key);
    if (entry !== undefined) entries.set(key, { ...entry, until: clock.monotonic() });
  }

  return {
    fail(key, trouble, token) {
      const count = (entryOf(key)?.count ?? 0) + 1;
      entries.set(key, { trouble, count, hops: 0, until: untilOf(trouble), token });
    },
    hop(key, trouble, token) {
      const { count = 0, hops = 0 } = entryOf(key) ?? {};
      entries.set(key, { trouble, count, hops: hops + 1, until: untilOf(trouble), token });
    },
    of(key) {
      const entry = entryOf(key);
      return entry && { trouble: entry.trouble, waitMs: Math.max(0, entry.until - clock.monotonic()) };
    },
    failures: (key) => entryOf(key)?.count ?? 0,
    hops: (key) => entryOf(key)?.hops ?? 0,
    tokenOf: (key) => entryOf(key)?.token,
    hurry,
    hurryAll() {
      for (const key of entries.keys()) hurry(key);
    },
    goesWell(key) {
      const entry = entryOf(key);
      if (entry !== undefined && entry.wellSince === undefined)
        entries.set(key, { ...entry, hops: 0, wellSince: clock.monotonic() });
    },
    forget: (key) => void entries.delete(key),
  };
}
