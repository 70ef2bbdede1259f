import { beforeEach, describe, expect, test } from 'vitest';
import { type Batcher, createBatcher } from './batcher.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

interface Item {
  readonly region: string;
  readonly id: number;
}

let clock: FakeClock;
let sent: { key: string; ids: number[] }[];
let answer: (items: readonly Item[]) => readonly (string | Error)[];
let batcher: Batcher<Item, string>;

beforeEach(() => {
  clock = createFakeClock();
  sent = [];
  answer = (items) => items.map(({ id }) => `answer ${id}`);
  batcher = createBatcher({
    idleMs: 50,
    maxMs: 1_000,
    maxItems: 3,
    keyOf: ({ region }) => region,
    run: async (items, key) => {
      sent.push({ key, ids: items.map(({ id }) => id) });
      return answer(items);
    },
    clock,
  });
});

describe('a batcher', () => {
  test('sends what has gathered once nothing has been added for a while', async () => {
    const answers = [1, 2].map((id) => batcher.add({ region: 'r', id }));
    await clock.advance(49);
    expect(sent).toEqual([]);
    await clock.advance(1);
    expect(sent).toEqual([{ key: 'r', ids: [1, 2] }]);
    expect(await Promise.all(answers)).toEqual(['answer 1', 'answer 2']);
    expect(clock.pending()).toBe(0);
  });

  test('waits no longer than the longest wait, however steadily items come', async () => {
    batcher = createBatcher({
      ...{ idleMs: 50, maxMs: 100, maxItems: 99, keyOf: () => 'r', clock },
      run: async (items: readonly Item[]) => {
        sent.push({ key: 'r', ids: items.map(({ id }) => id) });
        return items.map(() => '');
      },
    });
    for (let id = 1; id <= 4; id++) {
      void batcher.add({ region: 'r', id });
      await clock.advance(30);
    }
    expect(sent).toEqual([{ key: 'r', ids: [1, 2, 3, 4] }]);
  });

  test('sends a full batch at once and begins the next', async () => {
    for (let id = 1; id <= 4; id++) void batcher.add({ region: 'r', id });
    await clock.settle();
    expect(sent).toEqual([{ key: 'r', ids: [1, 2, 3] }]);
    await clock.advance(50);
    expect(sent[1]).toEqual({ key: 'r', ids: [4] });
    expect(clock.pending()).toBe(0);
  });

  test('never mixes items of different keys', async () => {
    void batcher.add({ region: 'r', id: 1 });
    void batcher.add({ region: 's', id: 2 });
    await clock.advance(50);
    expect(sent).toEqual([
      { key: 'r', ids: [1] },
      { key: 's', ids: [2] },
    ]);
  });

  test('gives each item its own error', async () => {
    answer = () => ['fine', new Error('no such id')];
    const good = batcher.add({ region: 'r', id: 1 });
    const bad = expect(batcher.add({ region: 'r', id: 2 })).rejects.toThrow('no such id');
    await clock.advance(50);
    expect(await good).toBe('fine');
    await bad;
  });

  test('gives every item the error of the call', async () => {
    answer = () => {
      throw new Error('throttled');
    };
    const failures = [1, 2].map((id) =>
      expect(batcher.add({ region: 'r', id })).rejects.toThrow('throttled'),
    );
    await clock.advance(50);
    await Promise.all(failures);
  });

  test('leaves no item without an answer when the call forgets some', async () => {
    answer = () => ['only one'];
    void batcher.add({ region: 'r', id: 1 });
    const forgotten = expect(batcher.add({ region: 'r', id: 2 })).rejects.toThrow('no answer for item 1');
    await clock.advance(50);
    await forgotten;
  });
});
