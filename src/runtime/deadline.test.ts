import { expect, test } from 'vitest';
import { unlessAborted, withDeadline } from './deadline.ts';
import { createFakeClock } from './fake-clock.ts';

const never = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });

test('work is told at its deadline, and says what it was', async () => {
  const clock = createFakeClock();
  const { signal } = new AbortController();
  const over = expect(
    withDeadline({ signal, deadlineMs: 500, clock, what: 'nodes a' }, never),
  ).rejects.toThrow('nodes a: deadline of 0.5 s passed');
  await clock.advance(500);
  await over;
});

test('work is told when all has been told to end, before it began or after', async () => {
  const clock = createFakeClock();
  const outer = new AbortController();
  const options = { signal: outer.signal, deadlineMs: 500, clock, what: 'nodes a' };
  const begunBefore = expect(withDeadline(options, never)).rejects.toThrow('SIGTERM');
  outer.abort(new Error('SIGTERM'));
  await begunBefore;
  await expect(withDeadline(options, never)).rejects.toThrow('SIGTERM');
  expect(clock.pending()).toBe(0);
});

test('work that ends in time leaves nothing behind', async () => {
  const clock = createFakeClock();
  const { signal } = new AbortController();
  expect(await withDeadline({ signal, deadlineMs: 500, clock, what: 'x' }, async () => 7)).toBe(7);
  expect(clock.pending()).toBe(0);
});

test('work that heeds no signal is left when all is to end, and its own end goes unheard', async () => {
  const stop = new AbortController();
  const work = Promise.withResolvers<number>();
  const left = expect(unlessAborted(stop.signal, work.promise)).rejects.toThrow('SIGTERM');
  stop.abort(new Error('SIGTERM'));
  await left;
  work.reject(new Error('late'));
  await expect(unlessAborted(stop.signal, Promise.resolve(7))).rejects.toThrow('SIGTERM');
});

test('work that ends first is what counts', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(signal, Promise.resolve(7))).toBe(7);
  await expect(unlessAborted(signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
});
