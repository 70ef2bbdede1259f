import { expect, test } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { createMemory } from './memory.ts';

function asked() {
  const clock = createFakeClock();
  const remember = createMemory<number>({ now: clock.now, keepMs: 60_000 });
  let times = 0;
  const ask = async () => {
    times += 1;
    return times;
  };
  return { clock, remember, ask };
}

test('asks once for everyone who wants to know at the same time, and after', async () => {
  const { remember, ask } = asked();
  expect(await Promise.all([remember('a', ask), remember('a', ask), remember('b', ask)])).toEqual([1, 1, 2]);
  expect(await remember('a', ask)).toBe(1);
});

test('asks again when the answer is old', async () => {
  const { clock, remember, ask } = asked();
  await remember('a', ask);
  await clock.advance(59_999);
  expect(await remember('a', ask)).toBe(1);
  await clock.advance(1);
  expect(await remember('a', ask)).toBe(2);
});

test('asks again after a failure', async () => {
  const { remember, ask } = asked();
  const failing = () => Promise.reject(new Error('no'));
  await expect(remember('a', failing)).rejects.toThrow('no');
  expect(await remember('a', ask)).toBe(1);
});
