import type { Clock } from './clock.ts';

/** How long a former version of a record can still be seen; no read lag may be longer. */
export const historyMs = 15 * 60_000;

interface Version<T> {
  readonly since: number;
  readonly value: T | undefined;
}

interface Entry<T> extends Version<T> {
  readonly ordinal: number;
  readonly older: readonly Version<T>[] | undefined;
}

/**
 * Records by id, with their recent past. Records are values: a change puts a new one. Writers see the present (`get`,
 * `all`); describes ask for a moment (`seenById`, `seen`), which is how read lag is made: what was put after that moment
 * is not there yet, what was removed after it still is.
 */
export interface Store<T extends { readonly id: string }> {
  get(id: string): T | undefined;
  all(): T[];
  /** `since` is for what was there before the world began. */
  put(value: T, since?: number): void;
  remove(id: string): void;
  seenById(id: string, at: number): T | undefined;
  /** In order of creation. */
  seen(at: number): T[];
  /** Rises with creation and never changes: what a page token points at. */
  ordinal(id: string): number;
  readonly size: number;
}

export function createStore<T extends { readonly id: string }>(clock: Clock): Store<T> {
  const entries = new Map<string, Entry<T>>();
  const removed: { readonly id: string; readonly at: number }[] = [];
  let nextOrdinal = 1;
  let living = 0;

  const write = (id: string, value: T | undefined, now = clock.now()): void => {
    const entry = entries.get(id);
    if ((entry?.value !== undefined) !== (value !== undefined)) living += value === undefined ? -1 : 1;
    entries.set(id, {
      ordinal: entry?.ordinal ?? nextOrdinal++,
      since: now,
      value,
      older: entry === undefined ? undefined : recent(entry, now),
    });
  };

  const forget = (): void => {
    const before = clock.now() - historyMs;
    while (removed[0] !== undefined && removed[0].at < before) {
      const first = removed.shift();
      if (first !== undefined && entries.get(first.id)?.value === undefined) entries.delete(first.id);
    }
  };

  return {
    get: (id) => entries.get(id)?.value,
    all: () => present(entries.values(), (entry) => entry.value),
    put: (value, since) => write(value.id, value, since),
    remove: (id) => {
      if (entries.get(id)?.value === undefined) return;
      write(id, undefined);
      removed.push({ id, at: clock.now() });
      forget();
    },
    seenById: (id, at) => versionAt(entries.get(id), at),
    seen: (at) => present(entries.values(), (entry) => versionAt(entry, at)),
    ordinal: (id) => entries.get(id)?.ordinal ?? 0,
    get size() {
      return living;
    },
  };
}

function recent<T>(entry: Entry<T>, now: number): readonly Version<T>[] {
  const older = entry.older ?? [];
  // A version may be dropped only when its successor is itself older than any moment that can be asked for.
  const from = older.findIndex((_, index) => (older[index + 1] ?? entry).since > now - historyMs);
  return [...(from < 0 ? [] : older.slice(from)), { since: entry.since, value: entry.value }];
}

function versionAt<T>(entry: Entry<T> | undefined, at: number): T | undefined {
  if (entry === undefined) return undefined;
  if (entry.since <= at) return entry.value;
  return entry.older?.findLast((version) => version.since <= at)?.value;
}

function present<E, T>(entries: Iterable<E>, read: (entry: E) => T | undefined): T[] {
  const values: T[] = [];
  for (const entry of entries) {
    const value = read(entry);
    if (value !== undefined) values.push(value);
  }
  return values;
}
