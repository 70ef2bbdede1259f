import { createBatcher } from '../runtime/batcher.ts';
import type { Clock } from '../runtime/clock.ts';
import { toError } from '../runtime/errors.ts';
import type { RegionInventory } from './inventory.ts';

/** Ends machines, many at once. Resolves when the cloud has begun; the inventory says when it is done. */
export type RemoveMachine = (region: RegionInventory, id: string) => Promise<void>;

const callDeadlineMs = 120_000;

export function createRemover(clock: Clock): RemoveMachine {
  const batcher = createBatcher<{ readonly region: RegionInventory; readonly id: string }, 'begun'>({
    idleMs: 50,
    maxMs: 1_000,
    maxItems: 1_000,
    keyOf: ({ region }) => region.key,
    clock,
    async run(items) {
      const region = items[0]?.region;
      if (region === undefined) return [];
      const ids = [...new Set(items.map(({ id }) => id))];
      const { refused } = await region.open.session.machines.remove(ids, AbortSignal.timeout(callDeadlineMs));
      region.learnRemoved(ids.filter((id) => !refused.has(id)));
      return items.map(({ id }) => {
        const error = refused.get(id);
        return error === undefined ? ('begun' as const) : toError(error);
      });
    },
  });
  return async (region, id) => {
    await batcher.add({ region, id });
  };
}
