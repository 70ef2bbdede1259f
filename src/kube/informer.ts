import type { Clock } from '../runtime/clock.ts';
import { unlessAborted } from '../runtime/deadline.ts';
import { describeError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Counter } from '../runtime/metrics.ts';
import { type Change, type IndexOf, ObjectCache } from './cache.ts';
import { askedPauseMs, isGone } from './errors.ts';
import { compareVersions, type KubeObject, keyOf } from './object.ts';
import type { Resource } from './resource.ts';

export interface InformerOptions<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** Absent: all namespaces, in one list and watch. Else one of each per namespace. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  readonly logger: Logger;
  /** `reason`: `error`, `gone` (listed anew) or `short` (ended as soon as it began). */
  readonly restarts?: Counter<'kind' | 'reason'>;
  /** Delay after the first failure, doubled with each further one. Default 0.8 s, at most 30 s. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
}

/** A watch lasts this long at least, twice as long at most, as in client-go. */
const watchSeconds = 300;
/** The server sends a bookmark about once a minute: after two that did not come, the connection counts as dead. */
const watchIdleMs = 150_000;
const shortWatchMs = 1_000;

/** One list and watch: all namespaces or one. */
interface Stream {
  readonly namespace: string | undefined;
  /** How far it has been followed; undefined before the first list and when that version is gone. */
  resourceVersion: string | undefined;
  listed: boolean;
  failures: number;
}

/**
 * A copy of all objects of a kind, kept up by list and watch. It never stops by itself: whatever ends a watch, it goes on
 * after a backoff, from where it was when the server still can, else from a new list. Nothing is announced twice.
 *
 * Guarantees: objects are frozen; for each key only newer states follow; `observe` puts the answer to one's own write in
 * at once, so that no later pass acts on a state older than its own writes. Until `synced` what is here is incomplete.
 */
export class Informer<T extends KubeObject> {
  readonly #options: InformerOptions<T>;
  readonly #cache: ObjectCache<T>;
  readonly #streams: readonly Stream[];
  readonly #handlers: ((change: Change<T>) => void)[] = [];
  readonly #whenSynced = Promise.withResolvers<void>();

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#cache = new ObjectCache((change) => this.#announce(change));
    this.#streams = (options.namespaces ?? [undefined]).map((namespace) => ({
      namespace,
      resourceVersion: undefined,
      listed: false,
      failures: 0,
    }));
  }

  /** Every namespace has been listed once. */
  get synced(): boolean {
    return this.#streams.every((stream) => stream.listed);
  }

  get size(): number {
    return this.#cache.size;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): T[] {
    return this.#cache.list(namespace);
  }

  /** `of` must not throw. */
  addIndex(name: string, of: IndexOf<T>): void {
    this.#cache.addIndex(name, of);
  }

  byIndex(name: string, value: string): T[] {
    return this.#cache.byIndex(name, value);
  }

  /** Handlers should do no more than queue a key. What they throw is logged and goes nowhere. */
  onChange(handler: (change: Change<T>) => void): void {
    this.#handlers.push(handler);
  }

  /** Follows until the signal is aborted; resolves then. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#streams.map((stream) => this.#follow(stream, signal)));
  }

  /** Resolves when `synced`; rejects with the signal's reason when that comes first. */
  async whenSynced(signal: AbortSignal): Promise<void> {
    await unlessAborted(signal, this.#whenSynced.promise);
  }

  /** Takes in what the server answered to a read or write of our own. */
  observe(object: T): void {
    const { namespace, resourceVersion } = object.metadata;
    const stream = this.#streams.find((one) => one.namespace === undefined || one.namespace === namespace);
    if (stream === undefined) return;
    const key = keyOf(object.metadata);
    // The watch is past this version and the key is not here: it has been deleted since.
    const past =
      stream.resourceVersion !== undefined && compareVersions(resourceVersion, stream.resourceVersion) <= 0;
    if (past && this.#cache.get(key) === undefined) return;
    this.#cache.put(object);
  }

  async #follow(stream: Stream, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (stream.resourceVersion === undefined) await this.#list(stream, signal);
        await this.#watch(stream, signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(stream, error, signal);
      }
    }
  }

  async #list(stream: Stream, signal: AbortSignal): Promise<void> {
    const { resource, labelSelector } = this.#options;
    const { namespace } = stream;
    const { items, resourceVersion } = await resource.list({ namespace, labelSelector, signal });
    const listed = new Set<string>();
    for (const object of items) {
      listed.add(keyOf(object.metadata));
      this.#cache.put(object);
    }
    // What the list does not hold is gone, but for what our own writes made after it.
    for (const { metadata } of this.#cache.list(namespace)) {
      const key = keyOf(metadata);
      if (!listed.has(key)) this.#cache.remove(key, resourceVersion);
    }
    stream.resourceVersion = resourceVersion;
    stream.listed = true;
    if (this.synced) this.#whenSynced.resolve();
  }

  async #watch(stream: Stream, signal: AbortSignal): Promise<void> {
    const { resource, labelSelector, clock, random = Math.random, logger } = this.#options;
    const startedAt = clock.monotonic();
    const events = resource.watch({
      namespace: stream.namespace,
      labelSelector,
      resourceVersion: stream.resourceVersion ?? '',
      timeoutSeconds: Math.round(watchSeconds * (1 + random())),
      idleMs: watchIdleMs,
      signal,
    });
    for await (const event of events) {
      if (stream.failures > 0) {
        logger.info({ kind: resource.definition.kind, failures: stream.failures }, 'watch recovered');
        stream.failures = 0;
      }
      if (event.type === 'BOOKMARK') {
        stream.resourceVersion = event.resourceVersion;
        continue;
      }
      const { metadata } = event.object;
      stream.resourceVersion = metadata.resourceVersion;
      if (event.type === 'DELETED') this.#cache.remove(keyOf(metadata), metadata.resourceVersion);
      else this.#cache.put(event.object);
    }
    if (clock.monotonic() - startedAt < shortWatchMs && !signal.aborted)
      throw new ShortWatch('watch ended at once');
  }

  async #recover(stream: Stream, error: unknown, signal: AbortSignal): Promise<void> {
    const { resource, clock, random = Math.random, logger, restarts, backoff } = this.#options;
    const { kind } = resource.definition;
    const reason = isGone(error) ? 'gone' : error instanceof ShortWatch ? 'short' : 'error';
    restarts?.inc({ kind, reason });
    if (reason === 'gone') stream.resourceVersion = undefined;
    const fullMs = Math.min((backoff?.baseMs ?? 800) * 2 ** stream.failures, backoff?.maxMs ?? 30_000);
    stream.failures += 1;
    // One line when it begins; `watch recovered` ends the story.
    if (stream.failures === 1 && reason !== 'short') {
      logger.warn(
        { kind, namespace: stream.namespace, error: describeError(error) },
        'watch broke, will go on',
      );
    }
    const pauseMs = Math.max(fullMs * (0.5 + 0.5 * random()), askedPauseMs(error) * (1 + 0.5 * random()));
    await clock.sleep(pauseMs, signal).catch(() => {});
  }

  #announce(change: Change<T>): void {
    for (const handler of this.#handlers) {
      try {
        handler(change);
      } catch (error) {
        const { kind } = this.#options.resource.definition;
        this.#options.logger.error({ kind, key: change.key, error: describeError(error) }, 'handler failed');
      }
    }
  }
}

class ShortWatch extends Error {}
