import type { Cancel, Clock } from './clock.ts';

/** A token bucket: `burst` units at once, `perSecond` more as time goes. */
export interface Limit {
  readonly burst: number;
  readonly perSecond: number;
}

export interface BudgetsOptions<Bucket extends string> {
  readonly limits: Readonly<Record<Bucket, Limit>>;
  readonly clock: Clock;
  /** After each `take`: how long it waited. */
  readonly onWait?: (bucket: Bucket, waitedMs: number) => void;
}

export interface TakeOptions {
  /** On whose behalf. Flows take turns, so that one with a thousand calls does not keep another waiting. */
  readonly flow: string;
  readonly signal: AbortSignal;
  /** The longest wait; BudgetExceeded afterwards. */
  readonly deadlineMs: number;
}

export interface Budgets<Bucket extends string> {
  /** Resolves when the units may be spent. More than the burst: when the bucket is full, which then owes the rest. */
  take(bucket: Bucket, units: number, options: TakeOptions): Promise<void>;
  /** Units that were taken and not spent after all. */
  giveBack(bucket: Bucket, units: number): void;
  /** The provider throttled us: others spend from the same limit. Nothing is left, and refilling starts slowly. */
  empty(bucket: Bucket): void;
}

export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded';
}

export function createBudgets<Bucket extends string>(options: BudgetsOptions<Bucket>): Budgets<Bucket> {
  const { limits, clock, onWait } = options;
  const buckets = new Map<Bucket, TokenBucket>();
  const bucketOf = (name: Bucket): TokenBucket => {
    const bucket = buckets.get(name) ?? new TokenBucket(name, limits[name], clock);
    buckets.set(name, bucket);
    return bucket;
  };
  return {
    async take(name, units, how) {
      const startedAt = clock.monotonic();
      try {
        await bucketOf(name).take(units, how);
      } finally {
        onWait?.(name, clock.monotonic() - startedAt);
      }
    },
    giveBack: (name, units) => bucketOf(name).giveBack(units),
    empty: (name) => bucketOf(name).empty(),
  };
}

/** After a throttle answer the bucket fills at no less than this part of its rate, and fully again after a while. */
const slowest = 1 / 8;
const recoveryMs = 30_000;
/** Calls that were under way together are throttled together: that is one throttling. */
const oneThrottlingMs = 1_000;

interface Waiter {
  readonly units: number;
  readonly grant: () => void;
}

class TokenBucket {
  readonly #name: string;
  readonly #limit: Limit;
  readonly #clock: Clock;
  /** Flow -> its waiters, oldest first. A Map keeps order: the first flow is next, and goes to the end when served. */
  readonly #flows = new Map<string, Waiter[]>();
  #tokens: number;
  #filledAt: number;
  #cancelTimer: Cancel | undefined;
  #throttled: { readonly at: number; readonly speed: number } | undefined;

  constructor(name: string, limit: Limit, clock: Clock) {
    this.#name = name;
    this.#limit = limit;
    this.#clock = clock;
    this.#tokens = limit.burst;
    this.#filledAt = clock.monotonic();
  }

  take(units: number, { flow, signal, deadlineMs }: TakeOptions): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const settle = () => {
        cancelDeadline();
        signal.removeEventListener('abort', abort);
      };
      const waiter: Waiter = {
        units,
        grant: () => {
          settle();
          resolve();
        },
      };
      const leave = (reason: unknown) => {
        settle();
        reject(reason);
        this.#forget(flow, waiter);
      };
      const abort = () => leave(signal.reason);
      const cancelDeadline = this.#clock.after(deadlineMs, () => {
        leave(new BudgetExceeded(`budget ${this.#name}: no room for ${units} within ${deadlineMs / 1000} s`));
      });
      signal.addEventListener('abort', abort, { once: true });
      const waiters = this.#flows.get(flow);
      if (waiters === undefined) this.#flows.set(flow, [waiter]);
      else waiters.push(waiter);
      this.#serve();
    });
  }

  giveBack(units: number): void {
    this.#fill(this.#clock.monotonic());
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + units);
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#serve();
  }

  empty(): void {
    const now = this.#clock.monotonic();
    this.#fill(now);
    this.#tokens = Math.min(this.#tokens, 0);
    if (this.#throttled === undefined || now - this.#throttled.at >= oneThrottlingMs) {
      this.#throttled = { at: now, speed: Math.max(this.#speed(now) / 2, slowest) };
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#serve();
  }

  #serve(): void {
    const now = this.#clock.monotonic();
    this.#fill(now);
    for (const [flow, waiters] of this.#flows) {
      const [waiter] = waiters;
      if (waiter === undefined) continue;
      const missing = Math.min(waiter.units, this.#limit.burst) - this.#tokens;
      // Sums of fractions end up a hair below what they should be.
      if (missing > 1e-6) {
        const waitMs = (missing / (this.#limit.perSecond * this.#speed(now))) * 1000;
        this.#cancelTimer ??= this.#clock.after(Math.ceil(waitMs), () => {
          this.#cancelTimer = undefined;
          this.#serve();
        });
        return;
      }
      this.#tokens -= waiter.units;
      this.#flows.delete(flow);
      waiters.shift();
      if (waiters.length > 0) this.#flows.set(flow, waiters);
      waiter.grant();
    }
  }

  #fill(now: number): void {
    const passedMs = now - this.#filledAt;
    const speed = this.#speed(this.#filledAt + passedMs / 2);
    this.#tokens = Math.min(
      this.#limit.burst,
      this.#tokens + (passedMs / 1000) * this.#limit.perSecond * speed,
    );
    this.#filledAt = now;
  }

  /** From the reduced speed back to 1 in a straight line. */
  #speed(now: number): number {
    if (this.#throttled === undefined) return 1;
    const { at, speed } = this.#throttled;
    return Math.min(1, speed + ((1 - speed) * Math.max(now - at, 0)) / recoveryMs);
  }

  #forget(flow: string, waiter: Waiter): void {
    const waiters = this.#flows.get(flow);
    if (waiters === undefined) return;
    const left = waiters.filter((one) => one !== waiter);
    if (left.length === 0) this.#flows.delete(flow);
    else this.#flows.set(flow, left);
    // The next in line may need less.
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#serve();
  }
}
