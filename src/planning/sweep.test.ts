import { expect, test } from 'vitest';
import type { Machine, MachineState } from '../clouds/cloud.ts';
import { planSweep } from './sweep.ts';

function machines(count: number, state: MachineState = 'running', from = 0): Machine[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `m${from + index}`,
    owner: { cluster: 'c' },
    state,
    createdAt: '2030-01-01T00:00:00Z',
  }));
}

const graceMs = 600_000;

function sweep(
  all: readonly Machine[],
  options: {
    readonly orphans: number;
    readonly now?: number;
    readonly since?: ReadonlyMap<string, number>;
    readonly removedLastHour?: number;
  },
) {
  const { orphans, since = new Map(), now = 0, removedLastHour = 0 } = options;
  const isClaimed = ({ id }: Machine) => Number(id.slice(1)) >= orphans;
  const plan = planSweep({ machines: all, isClaimed, orphanedSince: since, now, graceMs, removedLastHour });
  return { removed: plan.remove.map(({ id }) => id), held: plan.held, since: plan.orphanedSince };
}

/** Orphaned for long enough. */
const longSince = (count: number) => new Map(machines(count).map(({ id }) => [id, -graceMs] as const));

test('removes what nobody claims only after the grace time', () => {
  const first = sweep(machines(3), { orphans: 1, now: 0 });
  expect(first.removed).toEqual([]);
  const { since } = first;
  expect(sweep(machines(3), { orphans: 1, since, now: graceMs - 1 }).removed).toEqual([]);
  expect(sweep(machines(3), { orphans: 1, since, now: graceMs }).removed).toEqual(['m0']);
});

test('the grace time begins anew for what was claimed in between', () => {
  const { since } = sweep(machines(3), { orphans: 0, since: longSince(1) });
  expect(sweep(machines(3), { orphans: 1, since, now: 1 }).removed).toEqual([]);
});

test('what is not listed any more is forgotten, and what it is told stays as it was', () => {
  const since = longSince(3);
  expect(sweep(machines(1), { orphans: 1, since }).since).toEqual(longSince(1));
  expect(since.size).toBe(3);
});

test('leaves alone what is gone or on its way', () => {
  const ended = [...machines(1, 'terminated'), ...machines(1, 'terminating', 1)];
  expect(sweep(ended, { orphans: 2, since: longSince(2) })).toMatchObject({ removed: [], held: 0 });
});

test.for([
  { all: 10, orphans: 5, removed: 5, held: 0 },
  { all: 10, orphans: 6, removed: 0, held: 6 },
  { all: 100, orphans: 10, removed: 10, held: 0 },
  { all: 100, orphans: 11, removed: 0, held: 11 },
])('of $all machines $orphans orphans: $removed go, $held are held', ({ all, orphans, removed, held }) => {
  const plan = sweep(machines(all), { orphans, since: longSince(orphans) });
  expect([plan.removed.length, plan.held]).toEqual([removed, held]);
});

test('what was removed within the hour counts towards the limit', () => {
  expect(sweep(machines(10), { orphans: 2, since: longSince(2), removedLastHour: 3 }).removed).toHaveLength(
    2,
  );
  expect(sweep(machines(10), { orphans: 2, since: longSince(2), removedLastHour: 4 }).held).toBe(2);
});
