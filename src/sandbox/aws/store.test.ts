import { expect, test } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { createStore } from './store.ts';

function openStore() {
  const clock = createFakeClock(0);
  return { clock, store: createStore<{ readonly id: string; readonly value: number }>(clock) };
}

test('shows each moment as it was', async () => {
  const { clock, store } = openStore();
  await clock.advance(10);
  store.put({ id: 'a', value: 1 });
  await clock.advance(10);
  store.put({ id: 'a', value: 2 });
  await clock.advance(10);
  store.remove('a');
  expect([9, 10, 19, 20, 29, 30].map((at) => store.seenById('a', at)?.value)).toEqual([
    undefined,
    1,
    1,
    2,
    2,
    undefined,
  ]);
  expect(store.seen(25)).toEqual([{ id: 'a', value: 2 }]);
  expect(store.all()).toEqual([]);
});

test('keeps what can still be asked for, however much changes after', async () => {
  const { clock, store } = openStore();
  store.put({ id: 'a', value: 0 });
  for (let minute = 1; minute <= 60; minute++) {
    await clock.advance(60_000);
    store.put({ id: 'a', value: minute });
  }
  const now = clock.now();
  expect(store.seenById('a', now - 15 * 60_000)?.value).toBe(45);
  expect(store.seenById('a', now - 14.5 * 60_000)?.value).toBe(45);
});

test('forgets what was removed when nobody can ask for it any more', async () => {
  const { clock, store } = openStore();
  store.put({ id: 'a', value: 1 });
  store.put({ id: 'b', value: 1 });
  const place = store.ordinal('a');
  store.remove('a');
  await clock.advance(15 * 60_000 + 1);
  store.remove('b');
  expect([store.ordinal('a'), place]).toEqual([0, 1]);
});

test('keeps the order of creation through changes', () => {
  const { store } = openStore();
  for (const id of ['c', 'a', 'b']) store.put({ id, value: 1 });
  store.put({ id: 'c', value: 2 });
  expect(store.all().map((record) => record.id)).toEqual(['c', 'a', 'b']);
});
