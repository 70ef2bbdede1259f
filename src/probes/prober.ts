/**
 * Asks many programs how they are, beside the passes of the controllers: those look up here what was found last, and are
 * woken when it changes. At rest it says and keeps nothing new.
 */
import type { Cancel, Clock } from '../runtime/clock.ts';
import { stableJson } from '../runtime/hash.ts';
import { Schedule } from '../runtime/schedule.ts';
import { type Answer, type Check, type Endpoint, type Probe, probe as realProbe } from './probe.ts';

export interface ProbeTarget {
  /** Where it may be reached, the likeliest first. As soon as one has passed it is kept to. */
  readonly endpoints: readonly Endpoint[];
  readonly check: Check;
  readonly intervalSeconds: number;
  /** Whether to keep what a JSON-RPC call was answered with, and to tell when it changes. */
  readonly keepsResult?: boolean;
}

/**
 * `unknown`: not asked often enough yet, or there may be no way to it from here: it has never been reached. That says nothing
 * of the program.
 */
export type Health = 'unknown' | 'healthy' | 'unhealthy';

export interface Finding {
  readonly health: Health;
  /** Milliseconds since the epoch; when `health` became what it is. */
  readonly since: number;
  /** Why it is not healthy, for people; absent as long as nothing is known. */
  readonly reason?: string;
  /** What a JSON-RPC call was last answered with, for a target that keeps it. */
  readonly result?: unknown;
}

export interface ProberOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Health or result changed, or it became clear why nothing can be known. Only the key: look with `of`. */
  readonly onChange: (key: string) => void;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Probes under way at once. */
  readonly concurrency?: number;
  readonly deadlineMs?: number;
  readonly probe?: Probe;
}

export interface Prober {
  /**
   * Asks `target` from now on, in place of what was asked under this key. The same target again changes nothing. `last`: what
   * somebody found before; it counts until it is found otherwise.
   */
  watch(key: string, target: ProbeTarget, last?: Finding): void;
  unwatch(key: string): void;
  /** Undefined when the key is not watched. */
  of(key: string): Finding | undefined;
  /** Keys that are watched. */
  keys(): Iterable<string>;
}

/** So many failures in a row make it unhealthy; one success makes it healthy. */
const failuresToUnhealthy = 3;
/** A program that is not known yet is asked more often, since somebody waits for it. */
const firstPauseMs = 1_000;

interface Watched {
  readonly target: ProbeTarget;
  readonly text: string;
  finding: Finding;
  failures: number;
  asked: number;
  /** The endpoint that passed. */
  proven?: Endpoint;
}

export function createProber(options: ProberOptions): Prober {
  const {
    clock,
    random,
    onChange,
    signal,
    concurrency = 32,
    deadlineMs = 5_000,
    probe = realProbe,
  } = options;
  const watched = new Map<string, Watched>();
  const due = new Schedule();
  const underWay = new Set<string>();
  let timer: { readonly at: number; readonly cancel: Cancel } | undefined;

  signal.addEventListener('abort', () => timer?.cancel(), { once: true });

  /** Starts what is due as far as there is room, and sets the timer for the rest. */
  function proceed(): void {
    while (!signal.aborted && underWay.size < concurrency) {
      const key = due.takeDue(clock.monotonic());
      if (key === undefined) break;
      // Asked of a former target still: its end asks again.
      if (!underWay.has(key)) begin(key);
    }
    const at = underWay.size < concurrency ? due.earliest() : undefined;
    if (timer !== undefined && timer.at === at) return;
    timer?.cancel();
    timer = undefined;
    if (at === undefined || signal.aborted) return;
    const cancel = clock.after(at - clock.monotonic(), () => {
      timer = undefined;
      proceed();
    });
    timer = { at, cancel };
  }

  function begin(key: string): void {
    const item = watched.get(key);
    if (item === undefined) return;
    underWay.add(key);
    const startedAt = clock.monotonic();
    ask(item)
      .then((answer) => {
        if (watched.get(key) === item) learn(key, item, answer);
      })
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      })
      .finally(() => {
        underWay.delete(key);
        const current = watched.get(key);
        if (current !== undefined) due.put(key, startedAt + (current === item ? pauseMs(item) : 0));
        proceed();
      });
  }

  async function ask({ target, proven }: Watched): Promise<Answer & { readonly endpoint?: Endpoint }> {
    const { check, endpoints, intervalSeconds } = target;
    const limits = { signal, clock, deadlineMs: Math.min(deadlineMs, intervalSeconds * 1000) };
    let worst: Answer = { outcome: 'unreachable', reason: 'it has no address' };
    for (const endpoint of proven === undefined ? endpoints : [proven]) {
      const answer = await probe(endpoint, check, limits);
      if (answer.outcome === 'passed') return { ...answer, endpoint };
      // Somebody who answers wrongly says more than nobody.
      if (answer.outcome === 'failed' || worst.outcome === 'unreachable') worst = answer;
    }
    return worst;
  }

  function learn(key: string, item: Watched, answer: Answer & { readonly endpoint?: Endpoint }): void {
    item.asked += 1;
    const before = item.finding;
    if (answer.outcome === 'passed') {
      if (answer.endpoint !== undefined) item.proven = answer.endpoint;
      item.failures = 0;
      const found = item.target.keepsResult === true ? { result: answer.result } : {};
      item.finding = { health: 'healthy', since: sinceOf(before, 'healthy'), ...found };
      if (before.health !== 'healthy' || stableJson(before.result) !== stableJson(item.finding.result))
        onChange(key);
      return;
    }
    const { outcome, reason } = answer;
    // What was never reached may be well and out of our sight.
    const isOutOfSight =
      outcome === 'unreachable' && item.proven === undefined && before.health === 'unknown';
    item.failures = isOutOfSight ? 0 : item.failures + 1;
    const health = item.failures >= failuresToUnhealthy ? 'unhealthy' : before.health;
    const told = isOutOfSight ? `not reachable from the operator: ${reason}` : reason;
    item.finding = {
      ...before,
      health,
      since: sinceOf(before, health),
      ...(health !== 'healthy' && { reason: told }),
    };
    const isNews = isOutOfSight && before.reason === undefined;
    if (health !== before.health || isNews) onChange(key);
  }

  function sinceOf(before: Finding, health: Health): number {
    return before.health === health ? before.since : clock.now();
  }

  function pauseMs({ target, finding, asked }: Watched): number {
    const usualMs = target.intervalSeconds * 1000;
    const pause =
      finding.health === 'unknown' ? Math.min(firstPauseMs * 2 ** Math.min(asked - 1, 20), usualMs) : usualMs;
    // Up to a tenth more or less, so that what began together does not stay so.
    return pause * (0.9 + random() / 5);
  }

  return {
    watch(key, target, last) {
      const text = stableJson(target);
      if (signal.aborted || watched.get(key)?.text === text) return;
      const finding: Finding = last ?? { health: 'unknown', since: clock.now() };
      watched.set(key, { target, text, finding, failures: 0, asked: 0 });
      // Many begin to be watched at once, when the operator starts: they are spread.
      due.put(key, clock.monotonic() + random() * firstPauseMs);
      proceed();
    },
    unwatch(key) {
      watched.delete(key);
      due.drop(key);
      proceed();
    },
    of: (key) => watched.get(key)?.finding,
    keys: () => watched.keys(),
  };
}
