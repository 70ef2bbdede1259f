import type { Cancel, Clock } from './clock.ts';
import type { QueueMetrics } from './metrics.ts';
import { Schedule } from './schedule.ts';

export interface QueueOptions {
  /** Label of the metrics, usually the controller's name. */
  readonly name: string;
  readonly clock: Clock;
  /** Delay after the first failure of a key, doubled with each further one. Default 1 s, at most 5 min. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  readonly metrics?: QueueMetrics;
}

/**
 * A queue of keys, not of events: however often a key is added before its turn, it gets one turn. A key whose turn is
 * running is held back until `done`, so two workers never have the same one. Keys come out in the order they went in.
 *
 * Waiting keys (`addAfter`, `retry`) keep the earliest time asked for. When a turn begins, the key's waiting time is
 * dropped: each pass sees everything and says itself when it wants to look again.
 */
export class WorkQueue {
  readonly name: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #metrics: QueueMetrics | undefined;
  readonly #labels: { readonly name: string; readonly controller: string };

  /** Key -> when it was added; a Map keeps the order of first adding. */
  readonly #ready = new Map<string, number>();
  readonly #running = new Map<string, number>();
  /** Added while their turn was running. */
  readonly #heldBack = new Map<string, number>();
  readonly #waiting = new Schedule();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #timer: { readonly at: number; readonly cancel: Cancel } | undefined;
  #closed = false;

  constructor({ name, clock, backoff, random = Math.random, metrics }: QueueOptions) {
    this.name = name;
    this.#clock = clock;
    this.#random = random;
    this.#baseMs = backoff?.baseMs ?? 1_000;
    this.#maxMs = backoff?.maxMs ?? 300_000;
    this.#metrics = metrics;
    this.#labels = { name, controller: name };
    metrics?.onScrape(() => this.#showRunning());
  }

  /** Keys ready for a turn, those held back included; waiting ones are not. */
  get depth(): number {
    return this.#ready.size + this.#heldBack.size;
  }

  add(key: string): void {
    if (this.#closed) return;
    const lines = this.#running.has(key) ? this.#heldBack : this.#ready;
    if (lines.has(key)) return;
    lines.set(key, this.#clock.monotonic());
    this.#metrics?.adds.inc(this.#labels);
    this.#showDepth();
    this.#serve();
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    this.#waiting.put(key, this.#clock.monotonic() + delayMs);
    this.#arm();
  }

  /**
   * Adds the key after its backoff, which grows until `forget`. Not before `atLeastMs`, for which whoever could not serve
   * us asked, and not all keys right then. Returns the delay in milliseconds.
   */
  retry(key: string, atLeastMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#metrics?.retries.inc(this.#labels);
    const fullMs = Math.min(this.#baseMs * 2 ** failures, this.#maxMs);
    const delayMs = Math.max(fullMs * (0.5 + 0.5 * this.#random()), atLeastMs * (1 + 0.5 * this.#random()));
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key's backoff starts anew. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Begins the turn of the next key; the caller owes `done(key)`. Undefined when closed or aborted. */
  next(signal?: AbortSignal): Promise<string | undefined> {
    if (this.#closed || signal?.aborted) return Promise.resolve(undefined);
    const key = this.#takeReady();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => {
      const taker = (taken: string | undefined) => {
        signal?.removeEventListener('abort', leave);
        resolve(taken);
      };
      const leave = () => {
        this.#takers.splice(this.#takers.indexOf(taker), 1);
        resolve(undefined);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#takers.push(taker);
    });
  }

  /** Ends the key's turn. */
  done(key: string): void {
    const startedAt = this.#running.get(key);
    if (startedAt === undefined) return;
    this.#running.delete(key);
    this.#metrics?.workSeconds.observe(this.#labels, (this.#clock.monotonic() - startedAt) / 1000);
    const addedAt = this.#heldBack.get(key);
    if (addedAt === undefined) return;
    this.#heldBack.delete(key);
    this.#ready.set(key, addedAt);
    this.#serve();
  }

  /** Nothing is taken or added any more; running turns end as they like. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ready.clear();
    this.#heldBack.clear();
    this.#waiting.clear();
    this.#showDepth();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #serve(): void {
    while (this.#takers.length > 0 && !this.#closed) {
      const key = this.#takeReady();
      if (key === undefined) return;
      this.#takers.shift()?.(key);
    }
  }

  #takeReady(): string | undefined {
    for (const [key, addedAt] of this.#ready) {
      const now = this.#clock.monotonic();
      this.#ready.delete(key);
      this.#running.set(key, now);
      this.#waiting.drop(key);
      this.#metrics?.queueSeconds.observe(this.#labels, (now - addedAt) / 1000);
      this.#showDepth();
      return key;
    }
    return undefined;
  }

  /** One timer, set to the earliest waiting key. */
  #arm(): void {
    const at = this.#waiting.earliest();
    if (at === undefined || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(at - this.#clock.monotonic(), () => {
      this.#timer = undefined;
      // A timer may fire a fraction of a millisecond early.
      const now = Math.max(this.#clock.monotonic(), at);
      for (let key = this.#waiting.takeDue(now); key !== undefined; key = this.#waiting.takeDue(now))
        this.add(key);
      this.#arm();
    });
    this.#timer = { at, cancel };
  }

  #showDepth(): void {
    this.#metrics?.depth.set(this.#labels, this.depth);
  }

  #showRunning(): void {
    const now = this.#clock.monotonic();
    let sumMs = 0;
    let longestMs = 0;
    for (const startedAt of this.#running.values()) {
      sumMs += now - startedAt;
      longestMs = Math.max(longestMs, now - startedAt);
    }
    this.#metrics?.unfinishedSeconds.set(this.#labels, sumMs / 1000);
    this.#metrics?.longestRunningSeconds.set(this.#labels, longestMs / 1000);
  }
}
