import type { Cancel, Clock } from './clock.ts';
import { toError } from './errors.ts';

export interface BatcherOptions<Item, Result> {
  /** A batch goes when nothing has been added for so long, */
  readonly idleMs: number;
  /** or when its first item has waited so long, */
  readonly maxMs: number;
  /** or when it holds so many; a function says so for the batches that an item like this shares. */
  readonly maxItems: number | ((item: Item) => number);
  /** Only items with the same key share a batch. */
  readonly keyOf: (item: Item) => string;
  /**
   * One call for all. Answers in the order of the items, an Error for each that failed; what it throws, every
   * item gets.
   */
  readonly run: (items: readonly Item[], key: string) => Promise<readonly (Result | Error)[]>;
  readonly clock: Clock;
}

export interface Batcher<Item, Result> {
  /** Resolves or rejects with the item's own answer. */
  add(item: Item): Promise<Result>;
}

interface Waiter<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

interface Batch<Item, Result> {
  readonly waiters: Waiter<Item, Result>[];
  readonly cancelMax: Cancel;
  cancelIdle: Cancel;
}

/** Gathers what many callers ask for one by one into few calls. `Result` must not be an Error itself. */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  const { idleMs, maxMs, maxItems, keyOf, run, clock } = options;
  const batches = new Map<string, Batch<Item, Result>>();

  function begin(key: string): Batch<Item, Result> {
    const cancelMax = clock.after(maxMs, () => send(key));
    const batch: Batch<Item, Result> = { waiters: [], cancelMax, cancelIdle: () => {} };
    batches.set(key, batch);
    return batch;
  }

  function send(key: string): void {
    const batch = batches.get(key);
    if (batch === undefined) return;
    batches.delete(key);
    batch.cancelMax();
    batch.cancelIdle();
    void answer(key, batch.waiters);
  }

  async function answer(key: string, waiters: readonly Waiter<Item, Result>[]): Promise<void> {
    let results: readonly (Result | Error)[];
    try {
      results = await run(
        waiters.map((waiter) => waiter.item),
        key,
      );
    } catch (error) {
      results = waiters.map(() => toError(error));
    }
    for (const [position, waiter] of waiters.entries()) {
      if (position >= results.length)
        waiter.reject(new Error(`batch ${key}: no answer for item ${position}`));
      for (const result of results.slice(position, position + 1)) {
        if (result instanceof Error) waiter.reject(result);
        else waiter.resolve(result);
      }
    }
  }

  return {
    add(item) {
      const key = keyOf(item);
      const batch = batches.get(key) ?? begin(key);
      return new Promise((resolve, reject) => {
        batch.waiters.push({ item, resolve, reject });
        batch.cancelIdle();
        const most = typeof maxItems === 'number' ? maxItems : maxItems(item);
        if (batch.waiters.length >= most) send(key);
        else batch.cancelIdle = clock.after(idleMs, () => send(key));
      });
    },
  };
}
