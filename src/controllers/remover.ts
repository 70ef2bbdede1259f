import { createBatcher } from '../runtime/batcher.ts';
import type { Clock } from '../runtime/clock.ts';
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
  const waiting = new Set<string>();
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
      const refused = await run(first, ids, AbortSignal.timeout(callDeadlineMs));
      return ids.map((id) => refused.get(id) ?? 'begun');
    },
  });

  /** Nobody asks for those of machines without an object; they are forgotten with their machine. */
  function noteFailure(region: RegionInventory, id: string, error: Error): void {
    for (const [other, failure] of failures)
      if (failure.region.get(other) === undefined) failures.delete(other);
    failures.set(id, { region, error });
  }

  return {
    request(removal) {
      const { region, id } = removal;
      if (waiting.has(id)) return;
      waiting.add(id);
      batcher
        .add(removal)
        .catch((error: unknown) => {
          noteFailure(region, id, toError(error));
          logger.warn({ machine: id, error: describeError(error) }, `machine could not be ${what}`);
          onFailure(id);
        })
        .finally(() => waiting.delete(id));
    },
    takeFailure(id) {
      const failure = failures.get(id);
      failures.delete(id);
      return failure?.error;
    },
  };
}
