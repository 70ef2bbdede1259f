import { createBatcher } from '../runtime/batcher.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { describeError, toError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RegionInventory } from './inventory.ts';
import type { OpenSession } from './sessions.ts';

export interface Removal {
  readonly region: RegionInventory;
  /** On whose behalf. */
  readonly open: OpenSession;
  readonly id: string;
}

/** Carries something out for many machines in one call. */
export interface Remover {
  /** Puts the machine into the next batch. The inventory shows when it has begun, and when it is done. */
  request(removal: Removal): void;
  /** As `request`; resolves when the batch was answered: to why nothing came of it, or to undefined when it has begun. */
  carryOut(removal: Removal): Promise<Error | undefined>;
  /** Why the last request for the machine came to nothing; told once. */
  takeFailure(id: string): Error | undefined;
}

export interface RemoverOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing came of the request for the machine of this id. */
  readonly onFailure: (id: string) => void;
}

const callDeadlineMs = 120_000;

/** Ends machines, many in one call. */
export function createRemover(options: RemoverOptions): Remover {
  return createRequests(options, 'removed', async ({ region, open }, ids, signal) => {
    const { refused } = await open.session.machines.remove(ids, signal);
    region.learnRemoved(ids.filter((id) => !refused.has(id)));
    return refused;
  });
}

/** `run` answers what was refused, by id. `what` is done to machines, for the log. */
export function createRequests(
  { clock, logger, onFailure }: RemoverOptions,
  what: string,
  run: (first: Removal, ids: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, Error>>,
): Remover {
  const waiting = new Map<string, Promise<Error | undefined>>();
  const failures = new Map<string, { readonly region: RegionInventory; readonly error: Error }>();

  const batcher = createBatcher<Removal, 'begun'>({
    idleMs: 100,
    maxMs: 1_000,
    maxItems: 1_000,
    keyOf: ({ region, open }) => `${region.key} ${open.credential}`,
    clock,
    async run(items) {
      const [first] = items;
      if (first === undefined) return [];
      const ids = items.map(({ id }) => id);
      const refused = await withDeadline(
        { deadlineMs: callDeadlineMs, clock, what: `having machines ${what}` },
        (signal) => run(first, ids, signal),
      );
      return ids.map((id) => refused.get(id) ?? 'begun');
    },
  });

  /** Nobody asks for those of machines without an object; they are forgotten with their machine. */
  function noteFailure(region: RegionInventory, id: string, error: Error): void {
    for (const [other, failure] of failures)
      if (failure.region.get(other) === undefined) failures.delete(other);
    failures.set(id, { region, error });
  }

  async function add(removal: Removal): Promise<Error | undefined> {
    const { region, id } = removal;
    try {
      await batcher.add(removal);
      return undefined;
    } catch (thrown) {
      const error = toError(thrown);
      noteFailure(region, id, error);
      logger.warn({ machine: id, error: describeError(error) }, `machine could not be ${what}`);
      onFailure(id);
      return error;
    } finally {
      waiting.delete(id);
    }
  }

  function carryOut(removal: Removal): Promise<Error | undefined> {
    const begun = waiting.get(removal.id) ?? add(removal);
    waiting.set(removal.id, begun);
    return begun;
  }

  return {
    request: (removal) => void carryOut(removal),
    carryOut,
    takeFailure(id) {
      const failure = failures.get(id);
      failures.delete(id);
      return failure?.error;
    },
  };
}
