import type { Screen } from './screen.ts';

/** A step that could not be done: which one, and why. */
export class StepFailed extends Error {
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.step = step;
  }
}

/** The user wants it to end. Used as the reason of an abort. */
export class Interrupted extends Error {
  override readonly message = 'interrupted';
}

export interface Step {
  /** As a thing done: `operator ready`. */
  readonly name: string;
  readonly withinSeconds: number;
}

/** What a running step can do. */
export interface StepContext {
  /** Aborted at the deadline, and when everything is to end. */
  readonly signal: AbortSignal;
  /** Says what is going on, in half a line. */
  progress(line: string): void;
  /** Lines to show while the step runs, on a terminal. */
  show(lines: readonly string[]): void;
}

export type RunStep = <T>(step: Step, work: (context: StepContext) => Promise<T>) => Promise<T>;

/** Work that is given up gets so long to clean up behind itself. */
const graceMs = 3_000;
const redrawMs = 250;

/** Runs one step after the other, each with its seconds on the screen. Once `stop` is aborted every step fails with its reason. */
export function createSteps(screen: Screen, stop: AbortSignal): RunStep {
  return async (step, work) => {
    const startedAt = performance.now();
    const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s`;
    let doing = '';
    let shown: readonly string[] = [];
    const draw = () => screen.show([...shown, `  …  ${seconds()}  ${step.name}${doing && `: ${doing}`}`]);
    const ticking = screen.isTerminal ? setInterval(draw, redrawMs) : undefined;
    draw();

    const deadline = new AbortController();
    const timer = setTimeout(() => {
      const last = doing && `; it was at: ${doing}`;
      deadline.abort(new Error(`not done within ${step.withinSeconds} s${last}`));
    }, step.withinSeconds * 1000);
    const signal = AbortSignal.any([stop, deadline.signal]);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);

    const running = work({
      signal,
      progress: (line) => {
        doing = line;
        if (!screen.isTerminal) screen.print(`      ${seconds()}  ${step.name}: ${line}`);
      },
      show: (lines) => {
        shown = lines;
      },
    });
    try {
      const result = await Promise.race([running, aborted]);
      screen.show([]);
      screen.print(`  ok ${seconds()}  ${step.name}`);
      return result;
    } catch (error) {
      await settled(running, graceMs);
      screen.show([]);
      const why = signal.aborted ? signal.reason : error;
      if (!(why instanceof Interrupted)) screen.print(`FAIL ${seconds()}  ${step.name}`);
      throw new StepFailed(step.name, why);
    } finally {
      clearInterval(ticking);
      clearTimeout(timer);
    }
  };
}

/** Resolves when the work has ended in any way, or after `ms`. */
async function settled(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, work.catch(() => {})]);
  clearTimeout(timer);
}
