import { type CallGate, CloudError, type GatedCall } from '../clouds/cloud.ts';
import { BudgetExceeded, type Budgets } from '../runtime/budgets.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Leadership } from '../runtime/leader.ts';
import type { Metrics } from '../telemetry.ts';

export interface GateOptions {
  readonly cloud: string;
  /** Asked at each call: the account, and with it the budget, is known only after the first one. */
  readonly budgets: () => Budgets<string>;
  readonly leadership: Leadership;
  readonly paused: boolean;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Longer than any wait inside the published limits: whoever is not served by then comes again. */
export const longestWaitMs = 30_000;
const callDeadlineMs = 60_000;

/** The operator was started with `--paused`. */
export class OperatorPaused extends Error {
  override readonly name = 'OperatorPaused';
}

/** What every call to a cloud goes through: leadership before a write, the provider's budget, a deadline, metrics. */
export function createGate(options: GateOptions): CallGate {
  const { cloud, budgets, leadership, paused, metrics, clock } = options;

  function assertMayWrite(): void {
    if (paused) throw new OperatorPaused('the operator is paused');
    leadership.assertHeld();
  }

  /** There were too many calls; the machines that this one named were neither made nor removed. */
  function takeAsThrottled(call: GatedCall): void {
    for (const { name, units, counts } of call.budgets) {
      if (counts === 'calls') budgets().empty(name);
      else budgets().giveBack(name, units);
    }
  }

  return async (call, run) => {
    const { api, signal, flow = '' } = call;
    if (call.write) assertMayWrite();
    const taken: GatedCall['budgets'][number][] = [];
    for (const budget of call.budgets) {
      const { name, units } = budget;
      try {
        await budgets().take(name, units, { flow, signal, deadlineMs: longestWaitMs });
        taken.push(budget);
      } catch (cause) {
        for (const unspent of taken) budgets().giveBack(unspent.name, unspent.units);
        if (!(cause instanceof BudgetExceeded)) throw cause;
        throw new CloudError({
          code: 'throttled',
          outcome: 'none',
          api,
          reason: 'BudgetExceeded',
          message: cause.message,
          cause,
        });
      }
    }
    // Leadership may have ended while the call waited for its budget.
    if (call.write) assertMayWrite();
    const startedAt = clock.monotonic();
    let code = 'ok';
    try {
      return await withDeadline({ signal, deadlineMs: callDeadlineMs, clock, what: api }, run);
    } catch (error) {
      code = error instanceof CloudError ? error.code : 'unknown';
      if (code === 'throttled') takeAsThrottled(call);
      throw error;
    } finally {
      metrics.cloudCalls.inc({ cloud, api, code });
      metrics.cloudCallSeconds.observe({ cloud, api }, (clock.monotonic() - startedAt) / 1000);
    }
  };
}
