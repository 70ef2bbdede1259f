import { expect, test } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { createTurns } from './turns.ts';

const { signal } = new AbortController();

function trial() {
  const clock = createFakeClock();
  const turns = createTurns({ atOnce: 2, patienceMs: 1000, clock });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string, until: AbortSignal = signal) =>
    turns(until, () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      return promise;
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (name: string) => {
    ends.get(name)?.();
    await settled();
  };
  return { clock, begun, work, end, settled };
}

test('two work, the others follow in the order in which they came', async () => {
  const { begun, work, end, settled } = trial();
  const all = ['a', 'b', 'c', 'd'].map((name) => work(name));
  await settled();
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c', 'd']) await end(name);
  await Promise.all(all);
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

test('whoever fails makes room like any other', async () => {
  const { begun, work, settled } = trial();
  const turns = createTurns({ atOnce: 1, patienceMs: 1000, clock: createFakeClock() });
  await expect(turns(signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await turns(signal, async () => 'yes')).toBe('yes');
  void work('a');
  await settled();
  expect(begun).toEqual(['a']);
});

test('whoever waits too long is sent away, and takes nobody’s turn', async () => {
  const { clock, begun, work, end } = trial();
  void work('a');
  void work('b');
  const late = work('c');
  const refused = expect(late).rejects.toMatchObject({ code: 'throttled', outcome: 'none' });
  await clock.advance(1000);
  await refused;
  void work('d');
  await end('a');
  expect(begun).toEqual(['a', 'b', 'd']);
});

test('whoever is called off while waiting leaves the queue', async () => {
  const { begun, work, end } = trial();
  void work('a');
  void work('b');
  const over = new AbortController();
  const left = work('c', over.signal);
  void work('d');
  over.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
  await end('b');
  expect(begun).toEqual(['a', 'b', 'd']);
});
