import { expect, test } from 'vitest';
import { createPart } from './part.ts';

const signal = new AbortController().signal;

function trial(moving = false) {
  let now = 0;
  let reads = 0;
  let hold: Promise<void> = Promise.resolve();
  let value = 'a';
  const part = createPart({
    now: () => now,
    closed: signal,
    moving: () => moving,
    read: async () => {
      reads += 1;
      const seen = value;
      await hold;
      return seen;
    },
  });
  return {
    part,
    reads: () => reads,
    pass: (ms: number) => {
      now += ms;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      hold = promise;
      return () => {
        hold = Promise.resolve();
        resolve();
      };
    },
    change: (to: string) => {
      value = to;
    },
  };
}

test('reads once for as long as it is young enough', async () => {
  const { part, reads, pass } = trial();
  await part.ensure(1000, { signal });
  pass(999);
  await part.ensure(1000, { signal });
  expect(reads()).toBe(1);
  pass(1);
  await part.ensure(1000, { signal });
  expect(reads()).toBe(2);
});

test('those who ask at the same time share one reading', async () => {
  const { part, reads } = trial();
  await Promise.all([part.ensure(0, { signal }), part.ensure(0, { signal })]);
  expect(reads()).toBe(1);
});

test('a reading that began before a write is not taken for one after it', async () => {
  const { part, reads, hold, change } = trial();
  const letGo = hold();
  const early = part.ensure(1000, { signal });
  change('b');
  part.expire();
  const late = part.ensure(1000, { signal });
  letGo();
  expect(await early).toBe('a');
  expect(await late).toBe('b');
  expect(await part.ensure(1000, { signal })).toBe('b');
  expect(reads()).toBe(2);
});

test('an early reading that lands late does not take the place of a later one', async () => {
  const { part, hold, change } = trial();
  const letGo = hold();
  const early = part.ensure(1000, { signal });
  part.expire();
  change('b');
  // The second reading is not held up.
  const second = hold();
  second();
  expect(await part.ensure(1000, { signal })).toBe('b');
  letGo();
  await early;
  expect(part.value()).toBe('b');
});

test('what moves is looked at again after two seconds, and ever more slowly while nothing comes of it', async () => {
  const { part, reads, pass } = trial(true);
  await part.ensure(600_000, { signal });
  pass(1_999);
  await part.ensure(600_000, { signal });
  expect(reads()).toBe(1);
  pass(1);
  await part.ensure(600_000, { signal });
  expect(reads()).toBe(2);
  pass(98_000);
  await part.ensure(600_000, { signal });
  expect(reads()).toBe(3);
  pass(20_000);
  await part.ensure(600_000, { signal });
  expect(reads()).toBe(3);
});

test('whoever gives up waiting ends the reading for nobody else', async () => {
  const { part, hold } = trial();
  const letGo = hold();
  const impatient = new AbortController();
  const left = part.ensure(0, { signal: impatient.signal });
  const stays = part.ensure(0, { signal });
  impatient.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
  letGo();
  expect(await stays).toBe('a');
});
