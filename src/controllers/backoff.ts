import type { Clock } from '../runtime/clock.ts';
import type { Trouble } from './trouble.ts';

/** How often in a row something failed for a key, why, and when it may be tried again. */
export interface Backoff {
  fail(key: string, trouble: Trouble, token?: string): void;
  of(key: string): { readonly trouble: Trouble; readonly waitMs: number } | undefined;
  failures(key: string): number;
  /** Of the launch that failed last, so that one failure counts once. */
  tokenOf(key: string): string | undefined;
  /** The next try may be made now. How often it failed stays known. */
  hurry(key: string): void;
  forget(key: string): void;
}

export function createBackoff(clock: Clock): Backoff {
  const entries = new Map<
    string,
    { trouble: Trouble; count: number; until: number; token: string | undefined }
  >();
  return {
    fail(key, trouble, token) {
      const count = (entries.get(key)?.count ?? 0) + 1;
      entries.set(key, { trouble, count, until: clock.monotonic() + trouble.retryAfterMs, token });
    },
    of(key) {
      const entry = entries.get(key);
      return entry && { trouble: entry.trouble, waitMs: Math.max(0, entry.until - clock.monotonic()) };
    },
    failures: (key) => entries.get(key)?.count ?? 0,
    tokenOf: (key) => entries.get(key)?.token,
    hurry(key) {
      const entry = entries.get(key);
      if (entry !== undefined) entries.set(key, { ...entry, until: clock.monotonic() });
    },
    forget: (key) => void entries.delete(key),
  };
}
