/**
 * Asks many programs how they are, beside the passes of the controllers: those look up here what was found last, and are
 * woken when it changes. At rest it says and keeps nothing new.
 */
import type { Cancel, Clock } from '../runtime/clock.ts';
import { toError } from '../runtime/errors.ts';
import { stableJson } from '../runtime/hash.ts';
import { Schedule } from '../runtime/schedule.ts';
import { type Answer, type Check, type Endpoint, type Probe, probe as realProbe } from './probe.ts';

export interface ProbeTarget {
  /** Where it may be reached, the likeliest first. As soon as one has passed it is kept to. */
  readonly endpoints: readonly Endpoint[];
  readonly check: Check;
  readonly intervalSeconds: number;
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
  /** What was last read at the `resultPath` of the check. */
  readonly text?: string;
}

export interface ProberOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Health or text changed, or it became clear why nothing can be known. Only the key: look with `of`. */
  readonly onChange: (key: string) => void;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** How many are asked at once: of those that answer promptly, and of all others. */
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
/** One to which there seems to be no way is asked ever more seldom: after a part of the time it is watched, and so often at least. */
const blindPart = 1 / 4;
const longestPauseMs = 300_000;
/** Then the next address is asked beside it: there may be no way to this one. https://www.rfc-editor.org/rfc/rfc8305#section-5 */
const headStartMs = 250;
/** What takes so long waits for an answer that may never come. */
const promptMs = 1_000;

/**
 * Those asked at once and those due. There are two, so that nobody who answers promptly waits for a slot behind a thousand
 * that do not answer: each of those holds its slot up to the deadline.
 */
interface Lane {
  readonly due: Schedule;
  readonly underWay: Set<string>;
}

interface Watched {
  readonly target: ProbeTarget;
  readonly text: string;
  finding: Finding;
  failures: number;
  asked: number;
  /** Since when, monotonic. */
  readonly watchedAt: number;
  /** It answered promptly when it was asked last. */
  prompt: boolean;
  /** The endpoint that passed. */
  proven?: Endpoint;
}

export function createProber(options: ProberOptions): Prober {
  const {
    clock,
    random,
    onChange,
    signal,
    concurrency = 128,
    deadlineMs = 5_000,
    probe = realProbe,
  } = options;
  const watched = new Map<string, Watched>();
  const prompt: Lane = { due: new Schedule(), underWay: new Set() };
  const patient: Lane = { due: new Schedule(), underWay: new Set() };
  const lanes = [prompt, patient];
  let timer: { readonly at: number; readonly cancel: Cancel } | undefined;

  signal.addEventListener('abort', () => timer?.cancel(), { once: true });

  const laneOf = (item: Watched) => (item.prompt ? prompt : patient);
  const isUnderWay = (key: string) => lanes.some(({ underWay }) => underWay.has(key));

  /** Starts what is due as far as there is room, and sets the timer for the rest. */
  function proceed(): void {
    for (const lane of lanes) beginDue(lane);
    const times = lanes.flatMap(({ due, underWay }) =>
      underWay.size < concurrency ? (due.earliest() ?? []) : [],
    );
    const at = times.length === 0 ? undefined : Math.min(...times);
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

  function beginDue(lane: Lane): void {
    while (!signal.aborted && lane.underWay.size < concurrency) {
      const key = lane.due.takeDue(clock.monotonic());
      if (key === undefined) break;
      // Asked of a former target still: its end asks again.
      if (!isUnderWay(key)) begin(key, lane);
    }
  }

  function begin(key: string, { underWay }: Lane): void {
    const item = watched.get(key);
    if (item === undefined) return;
    underWay.add(key);
    const startedAt = clock.monotonic();
    void ask(item).then((answer) => {
      underWay.delete(key);
      item.prompt = clock.monotonic() - startedAt < promptMs;
      const current = watched.get(key);
      if (!signal.aborted && current === item) learn(key, item, answer);
      if (current !== undefined)
        laneOf(current).due.put(key, startedAt + (current === item ? pauseMs(item) : 0));
      proceed();
    });
  }

  /** Never rejects. */
  async function ask({ target, proven }: Watched): Promise<Answer & { readonly endpoint?: Endpoint }> {
    const { check, endpoints, intervalSeconds } = target;
    const limits = { signal, clock, deadlineMs: Math.min(deadlineMs, intervalSeconds * 1000) };
    const asking: Promise<Answer & { readonly endpoint?: Endpoint }>[] = [];
    for (const endpoint of proven === undefined ? endpoints : [proven]) {
      const former = asking.at(-1);
      if (former !== undefined && (await passesSoon(former))) break;
      const answering = probe(endpoint, check, limits).catch(brokenOff);
      asking.push(answering.then((answer) => ({ ...answer, endpoint })));
    }
    const answers = await Promise.all(asking);
    const passed = answers.find(({ outcome }) => outcome === 'passed');
    // Somebody who answers wrongly says more than nobody.
    const failed = answers.findLast(({ outcome }) => outcome === 'failed');
    return passed ?? failed ?? answers.at(-1) ?? { outcome: 'unreachable', reason: 'it has no address' };
  }

  async function passesSoon(answering: Promise<Answer>): Promise<boolean> {
    const { promise: later, resolve } = Promise.withResolvers<boolean>();
    const cancel = clock.after(headStartMs, () => resolve(false));
    const passes = answering.then(({ outcome }) => outcome === 'passed');
    return await Promise.race([passes, later]).finally(cancel);
  }

  function learn(key: string, item: Watched, answer: Answer & { readonly endpoint?: Endpoint }): void {
    item.asked += 1;
    const before = item.finding;
    if (answer.outcome === 'passed') {
      const { endpoint, text } = answer;
      if (endpoint !== undefined) item.proven = endpoint;
      item.failures = 0;
      item.finding = {
        health: 'healthy',
        since: sinceOf(before, 'healthy'),
        ...(text !== undefined && { text }),
      };
      if (before.health !== 'healthy' || before.text !== text) onChange(key);
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

  function pauseMs({ target, finding, asked, failures, watchedAt }: Watched): number {
    const usualMs = target.intervalSeconds * 1000;
    const isUnknown = finding.health === 'unknown';
    const firstMs = isUnknown ? firstPauseMs * 2 ** Math.min(asked - 1, 20) : usualMs;
    const isOutOfSight = isUnknown && failures === 0;
    const blindMs = isOutOfSight ? Math.min((clock.monotonic() - watchedAt) * blindPart, longestPauseMs) : 0;
    // Up to a tenth more or less, so that what began together does not stay so.
    return Math.max(Math.min(firstMs, usualMs), blindMs) * (0.9 + random() / 5);
  }

  return {
    watch(key, target, last) {
      const text = stableJson(target);
      if (signal.aborted || watched.get(key)?.text === text) return;
      const finding: Finding = last ?? { health: 'unknown', since: clock.now() };
      const watchedAt = clock.monotonic();
      const item: Watched = { target, text, finding, failures: 0, asked: 0, watchedAt, prompt: false };
      watched.set(key, item);
      for (const { due } of lanes) due.drop(key);
      // Many begin to be watched at once, when the operator starts: they are spread.
      laneOf(item).due.put(key, watchedAt + random() * firstPauseMs);
      proceed();
    },
    unwatch(key) {
      watched.delete(key);
      for (const { due } of lanes) due.drop(key);
      proceed();
    },
    of: (key) => watched.get(key)?.finding,
    keys: () => watched.keys(),
  };
}

/** A mistake of ours: whatever a program says, it must not end the operator. */
function brokenOff(error: unknown): Answer {
  return { outcome: 'failed', reason: `it could not be asked: ${toError(error).name}` };
}
