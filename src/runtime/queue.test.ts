import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { WorkQueue } from './queue.ts';

let clock: FakeClock;
let queue: WorkQueue;

beforeEach(() => {
  clock = createFakeClock();
  queue = new WorkQueue({ name: 'test', clock, random: () => 1, backoff: { baseMs: 1_000, maxMs: 60_000 } });
});

/** Takes what is ready, in order, and ends each turn. */
async function drain(): Promise<string[]> {
  const taken: string[] = [];
  while (queue.depth > 0) {
    const key = await queue.next();
    if (key === undefined) break;
    taken.push(key);
    queue.done(key);
  }
  return taken;
}

describe('a work queue', () => {
  test('gives one turn for a key that was added many times', async () => {
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(await drain()).toEqual(['a', 'b']);
  });

  test('holds a key back until its running turn is over', async () => {
    queue.add('a');
    expect(await queue.next()).toBe('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.next()).toBe('b');
    const third = queue.next();
    let taken: string | undefined;
    void third.then((key) => {
      taken = key;
    });
    await clock.settle();
    expect(taken).toBeUndefined();
    queue.done('a');
    expect(await third).toBe('a');
  });

  test('gives a worker that waits the next key as soon as there is one', async () => {
    const waiting = queue.next();
    queue.add('a');
    expect(await waiting).toBe('a');
  });

  test('gives nothing to a worker that has left', async () => {
    const leaving = new AbortController();
    const left = queue.next(leaving.signal);
    leaving.abort();
    expect(await left).toBeUndefined();
    queue.add('a');
    expect(await drain()).toEqual(['a']);
  });

  test('adds a waiting key at the earliest time asked for', async () => {
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 2_000);
    queue.addAfter('a', 9_000);
    await clock.advance(1_999);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await drain()).toEqual(['a']);
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
  });

  test('adds many waiting keys in the order of their times', async () => {
    // 7 and 41 share no factor: every time from 0 to 40 once, in a jumbled order.
    const times = Array.from({ length: 40 }, (_, n) => ((n + 1) * 7) % 41);
    for (const time of times) queue.addAfter(`k${time}`, time);
    await clock.advance(50);
    expect(await drain()).toEqual(times.sort((a, b) => a - b).map((time) => `k${time}`));
  });

  test('drops the waiting time of a key when its turn begins: the pass will say when it wants to look again', async () => {
    queue.addAfter('a', 5_000);
    queue.add('a');
    await drain();
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  test('keeps a waiting time that was asked for during the turn', async () => {
    queue.add('a');
    await queue.next();
    queue.addAfter('a', 1_000);
    queue.done('a');
    await clock.advance(1_000);
    expect(queue.depth).toBe(1);
  });

  test('doubles the backoff of a key with each failure, up to its most, and forgets it on success', async () => {
    const delays = Array.from({ length: 8 }, () => queue.retry('a'));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    queue.forget('a');
    expect(queue.retry('a')).toBe(1_000);
    expect(queue.retry('b')).toBe(1_000);
  });

  test('spreads a backoff between half and all of it', () => {
    const low = new WorkQueue({ name: 'test', clock, random: () => 0 });
    expect(low.retry('a')).toBe(500);
  });

  test('waits as long as was asked for, where that is longer, and not with all keys till the same moment', () => {
    let random = 0;
    const asked = new WorkQueue({ name: 'test', clock, random: () => random });
    expect(asked.retry('a', 30_000)).toBe(30_000);
    random = 1;
    expect(asked.retry('b', 30_000)).toBe(45_000);
    expect(asked.retry('c', 600)).toBe(1_000);
  });

  test('gives nothing and takes nothing once closed', async () => {
    const waiting = queue.next();
    queue.addAfter('a', 10);
    queue.close();
    queue.add('b');
    expect(await waiting).toBeUndefined();
    expect(await queue.next()).toBeUndefined();
    expect(queue.depth).toBe(0);
    expect(clock.pending()).toBe(0);
  });
});
