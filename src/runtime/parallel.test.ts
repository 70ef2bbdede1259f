import { expect, test } from 'vitest';
import { createFakeClock } from './fake-clock.ts';
import { inParallel } from './parallel.ts';

test('every item is worked on once, with its position, so many at once and no more', async () => {
  const clock = createFakeClock();
  const seen: string[] = [];
  let active = 0;
  let most = 0;
  const all = inParallel(2, ['a', 'b', 'c', 'd', 'e'], async (item, position) => {
    active += 1;
    most = Math.max(most, active);
    await clock.sleep(10);
    active -= 1;
    seen.push(`${position}${item}`);
  });
  await clock.advance(100);
  await all;
  expect(seen).toEqual(['0a', '1b', '2c', '3d', '4e']);
  expect(most).toBe(2);
});

test('after an error nothing more is begun, and it is told when all that was begun has ended', async () => {
  const clock = createFakeClock();
  const begun: string[] = [];
  const ended: string[] = [];
  let over: unknown = 'not yet';
  const all = inParallel(3, ['fails', 'short', 'long', 'fourth', 'fifth'], async (item) => {
    begun.push(item);
    if (item === 'fails') throw new Error('refused');
    await clock.sleep(item === 'short' ? 10 : 100);
    ended.push(item);
  }).catch((error: unknown) => {
    over = error;
  });
  await clock.advance(99);
  expect(begun).toEqual(['fails', 'short', 'long']);
  expect(over).toBe('not yet');
  await clock.advance(1);
  await all;
  expect(ended).toEqual(['short', 'long']);
  expect(over).toEqual(new Error('refused'));
});

test('of several errors the first is told, and none is left unheard', async () => {
  const clock = createFakeClock();
  const all = inParallel(2, [20, 10], async (ms) => {
    await clock.sleep(ms);
    throw new Error(`after ${ms}`);
  });
  const told = expect(all).rejects.toThrow('after 10');
  await clock.advance(20);
  await told;
});

test('nothing to do is done', async () => {
  await expect(inParallel(4, [], async () => undefined)).resolves.toBeUndefined();
});
