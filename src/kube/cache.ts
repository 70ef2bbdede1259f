import { compareVersions, deepFreeze, type KubeObject, keyOf } from './object.ts';

/** A name for the object under each of the values: `byIndex(name, value)` finds it. */
export type IndexOf<T> = (object: T) => readonly string[];

/** What became of a key. The objects are frozen. */
export type Change<T> =
  | { readonly type: 'added'; readonly key: string; readonly now: T; readonly before: undefined }
  | { readonly type: 'modified'; readonly key: string; readonly now: T; readonly before: T }
  | { readonly type: 'deleted'; readonly key: string; readonly now: undefined; readonly before: T };

const namespaceIndex = 'namespace';

/**
 * Objects by key, with indexes. For each key only a newer resourceVersion replaces what is there, so that the same
 * object may come by several ways (list, watch, answers to our own writes) in any order.
 */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { readonly of: IndexOf<T>; readonly keys: Map<string, Set<string>> }>();
  readonly #changed: (change: Change<T>) => void;

  constructor(changed: (change: Change<T>) => void) {
    this.#changed = changed;
    this.addIndex(namespaceIndex, ({ metadata }) => [metadata.namespace ?? '']);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(namespaceIndex, namespace);
  }

  addIndex(name: string, of: IndexOf<T>): void {
    if (this.#indexes.has(name)) throw new Error(`there is an index "${name}" already`);
    const index = { of, keys: new Map<string, Set<string>>() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) enter(index.keys, of(object), key);
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`there is no index "${name}"`);
    const found: T[] = [];
    for (const key of index.keys.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /** Takes the object in, unless the same or a newer state of its key is there. */
  put(object: T): boolean {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && !isNewer(object, before)) return false;
    const now = deepFreeze(object);
    this.#objects.set(key, now);
    this.#reindex(key, before, now);
    this.#changed(
      before === undefined ? { type: 'added', key, now, before } : { type: 'modified', key, now, before },
    );
    return true;
  }

  /** Drops the key, unless a newer object than the one that ended has taken it by now. */
  remove(key: string, endedAt: string): boolean {
    const before = this.#objects.get(key);
    if (before === undefined || compareVersions(before.metadata.resourceVersion, endedAt) > 0) return false;
    this.#objects.delete(key);
    this.#reindex(key, before, undefined);
    this.#changed({ type: 'deleted', key, now: undefined, before });
    return true;
  }

  #reindex(key: string, before: T | undefined, now: T | undefined): void {
    for (const { of, keys } of this.#indexes.values()) {
      const old = before === undefined ? [] : of(before);
      const fresh = now === undefined ? [] : of(now);
      if (old.length === fresh.length && old.every((value, position) => value === fresh[position])) continue;
      for (const value of old) {
        const holders = keys.get(value);
        holders?.delete(key);
        if (holders?.size === 0) keys.delete(value);
      }
      enter(keys, fresh, key);
    }
  }
}

function isNewer<T extends KubeObject>(object: T, than: T): boolean {
  return compareVersions(object.metadata.resourceVersion, than.metadata.resourceVersion) > 0;
}

function enter(keys: Map<string, Set<string>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const holders = keys.get(value);
    if (holders === undefined) keys.set(value, new Set([key]));
    else holders.add(key);
  }
}
