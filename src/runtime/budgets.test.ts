import { beforeEach, describe, expect, test } from 'vitest';
import { type Budgets, createBudgets } from './budgets.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

let clock: FakeClock;
let budgets: Budgets<'launch' | 'list'>;
let waits: [string, number][];
let granted: string[];
const signal = new AbortController().signal;

beforeEach(() => {
  clock = createFakeClock();
  waits = [];
  granted = [];
  budgets = createBudgets({
    limits: { launch: { burst: 5, perSecond: 2 }, list: { burst: 100, perSecond: 20 } },
    clock,
    onWait: (bucket, waitedMs) => waits.push([bucket, waitedMs]),
  });
});

function take(flow: string, units = 1, deadlineMs = 600_000): void {
  void budgets.take('launch', units, { flow, signal, deadlineMs }).then(
    () => granted.push(flow),
    (error: Error) => granted.push(`${flow}: ${error.name}`),
  );
}

describe('a budget', () => {
  test('grants the burst at once and the rest at its rate', async () => {
    for (let n = 0; n < 8; n++) take('a');
    await clock.settle();
    expect(granted.length).toBe(5);
    await clock.advance(500);
    expect(granted.length).toBe(6);
    await clock.advance(1_000);
    expect(granted.length).toBe(8);
    expect(waits.at(-1)).toEqual(['launch', 1_500]);
    expect(clock.pending()).toBe(0);
  });

  test('saves no more than the burst', async () => {
    await clock.advance(3_600_000);
    for (let n = 0; n < 6; n++) take('a');
    await clock.settle();
    expect(granted.length).toBe(5);
  });

  test('hands units that were given back to who waits, and keeps no more than the burst', async () => {
    take('a', 5);
    take('b', 3);
    await clock.settle();
    expect(granted).toEqual(['a']);
    budgets.giveBack('launch', 5);
    await clock.settle();
    expect(granted).toEqual(['a', 'b']);
    budgets.giveBack('launch', 50);
    for (let n = 0; n < 8; n++) take('c');
    await clock.settle();
    expect(granted.filter((flow) => flow === 'c').length).toBe(5);
  });

  test('serves flows in turns, so that many calls of one keep no other waiting', async () => {
    for (let n = 0; n < 9; n++) take('greedy');
    take('modest');
    await clock.advance(1_000);
    expect(granted.slice(5)).toEqual(['greedy', 'modest']);
  });

  test('grants more than its burst only when full, and then owes the rest', async () => {
    take('a');
    take('big', 9);
    await clock.advance(499);
    expect(granted).toEqual(['a']);
    await clock.advance(1);
    expect(granted).toEqual(['a', 'big']);
    take('b');
    await clock.advance(2_499);
    expect(granted).toEqual(['a', 'big']);
    await clock.advance(1);
    expect(granted).toEqual(['a', 'big', 'b']);
  });

  test('gives nothing after a throttle answer until it has filled again, at half its speed at first', async () => {
    budgets.empty('launch');
    take('a');
    await clock.advance(900);
    expect(granted).toEqual([]);
    await clock.advance(100);
    expect(granted).toEqual(['a']);
  });

  test('slows down further with each throttling, but counts those that come together as one', async () => {
    const waitAfter = async (throttlings: number, apartMs: number) => {
      for (let n = 0; n < throttlings; n++) {
        budgets.empty('launch');
        if (n < throttlings - 1) await clock.advance(apartMs);
      }
      take('a');
      await clock.advance(60_000);
      return waits.at(-1)?.[1] ?? 0;
    };
    const together = await waitAfter(5, 0);
    const apart = await waitAfter(3, 1_000);
    expect(apart).toBeGreaterThan(together * 2);
  });

  test('is back at full speed after a while without throttling', async () => {
    budgets.empty('launch');
    await clock.advance(60_000);
    take('a', 5);
    take('b');
    await clock.advance(499);
    expect(granted).toEqual(['a']);
    await clock.advance(1);
    expect(granted).toEqual(['a', 'b']);
  });

  test('refuses a call that would wait too long, and goes on with the next', async () => {
    take('a', 5);
    take('b', 5, 1_000);
    take('c', 1);
    await clock.advance(1_000);
    expect(granted).toEqual(['a', 'b: BudgetExceeded', 'c']);
  });

  test('lets a caller leave the line', async () => {
    take('a', 5);
    const leaving = new AbortController();
    const left = budgets.take('launch', 1, { flow: 'b', signal: leaving.signal, deadlineMs: 60_000 });
    leaving.abort(new Error('stopped'));
    await expect(left).rejects.toThrow('stopped');
    expect(clock.pending()).toBe(0);
  });

  test('of one bucket says nothing about another', async () => {
    budgets.empty('launch');
    await budgets.take('list', 100, { flow: 'a', signal, deadlineMs: 0 });
    expect(waits).toEqual([['list', 0]]);
  });
});
