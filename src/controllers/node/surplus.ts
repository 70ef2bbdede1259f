/** Machines beyond the one that a Node has. That should never be, so it is told of, and they go. */
import { again, done, type Outcome } from '../../runtime/controller.ts';
import { describeError } from '../../runtime/errors.ts';
import { createBackoff } from '../backoff.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import type { NodeControllerOptions, Pass } from './pass.ts';

export interface Surplus {
  /** Asks for their removal, unless that is under way or was refused a moment ago. When to look again. */
  remove(pass: Pass): Outcome;
  /** What was refused may be tried again now. */
  hurry(key: string): void;
  /** The Node is gone. */
  forget(key: string): void;
}

/** Ids of machines that were told of. */
interface Told {
  readonly refused: Set<string>;
  readonly removed: Set<string>;
}

/** No removal waits longer for its batch, and most are answered by then. */
const lookAgainMs = 5_000;
const longestPauseMs = 600_000;

export function createSurplus(options: NodeControllerOptions): Surplus {
  const { remover, events, metrics, logger, clock } = options;
  /** By id of the machine. */
  const refusals = createBackoff(clock);
  const underWay = new Set<string>();
  const tellings = new Map<string, Told>();

  function toldOf(key: string): Told {
    const told = tellings.get(key) ?? { refused: new Set(), removed: new Set() };
    tellings.set(key, told);
    return told;
  }

  async function end(pass: Pass, id: string): Promise<void> {
    const { key, region, open } = pass;
    const { refused, removed } = toldOf(key);
    underWay.add(id);
    const failure = await remover.carryOut({ region, open, id });
    underWay.delete(id);
    if (failure === undefined) {
      refusals.forget(id);
      // Accepted, and listed as if it had not been: that is asked for again, and not told again.
      if (removed.has(id)) return;
      removed.add(id);
      metrics.surplusRemoved.inc({ cloud: open.cloud });
      tell(pass, `removed machine ${id}`);
      logger.warn({ node: key, machine: id }, 'removed a surplus machine');
      return;
    }
    refusals.fail(id, troubleOf(failure, refusals.failures(id)) ?? unheardOf(failure, refusals.failures(id)));
    if (refused.has(id)) return;
    refused.add(id);
    tell(pass, `machine ${id} could not be removed and is tried again: ${describeError(failure)}`);
  }

  function tell({ seen, found }: Pass, what: string): void {
    events.event({
      regarding: seen,
      type: 'Warning',
      reason: 'SurplusMachine',
      action: 'Remove',
      note: `${what}: ${found.machine?.id} is the machine of this Node`,
    });
  }

  return {
    remove(pass) {
      const waits = pass.found.surplus.map(({ id }) => {
        const waitMs = refusals.of(id)?.waitMs ?? 0;
        if (waitMs > 0) return waitMs;
        if (!underWay.has(id)) void end(pass, id);
        return lookAgainMs;
      });
      return waits.length === 0 ? done : again(Math.min(...waits), 'one machine too many');
    },
    hurry(key) {
      for (const id of tellings.get(key)?.refused ?? []) refusals.hurry(id);
    },
    forget(key) {
      for (const id of tellings.get(key)?.refused ?? []) refusals.forget(id);
      tellings.delete(key);
    },
  };
}

/** No answer at all. */
function unheardOf(error: Error, failures: number): Trouble {
  const retryAfterMs = Math.min(lookAgainMs * 2 ** Math.min(failures, 20), longestPauseMs);
  return { reason: 'CloudUnavailable', message: describeError(error), stalled: false, retryAfterMs };
}
