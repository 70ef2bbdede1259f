import { describe, expect, test } from 'vitest';
import { Schedule } from './schedule.ts';

function takeAll(schedule: Schedule): string[] {
  const taken: string[] = [];
  for (let key = schedule.takeDue(1e9); key !== undefined; key = schedule.takeDue(1e9)) taken.push(key);
  return taken;
}

describe('a schedule', () => {
  test('gives keys when they are due, earliest first', () => {
    const schedule = new Schedule();
    for (const [key, at] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
    ] as const)
      schedule.put(key, at);
    expect(schedule.earliest()).toBe(10);
    expect(schedule.takeDue(9)).toBeUndefined();
    expect(schedule.takeDue(10)).toBe('a');
    expect(schedule.takeDue(10)).toBeUndefined();
    expect(takeAll(schedule)).toEqual(['b', 'c']);
    expect(schedule.earliest()).toBeUndefined();
  });

  test('keeps the earliest time that was asked for, and none of a key that was dropped', () => {
    const schedule = new Schedule();
    schedule.put('a', 30);
    schedule.put('b', 20);
    schedule.put('a', 10);
    schedule.put('a', 40);
    expect(schedule.earliest()).toBe(10);
    schedule.drop('a');
    schedule.drop('nobody');
    schedule.put('a', 40);
    expect(takeAll(schedule)).toEqual(['b', 'a']);
  });

  test('stays in order, whatever comes and goes', () => {
    const schedule = new Schedule();
    const known = new Map<string, number>();
    // Numbers without a pattern, the same ones each time: https://en.wikipedia.org/wiki/Linear_congruential_generator
    let seed = 1;
    const below = (limit: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % limit;
    };
    for (let n = 0; n < 5_000; n++) {
      const key = `k${below(200)}`;
      // No two at the same time, so that there is one right order.
      const at = below(1_000) * 5_000 + n;
      if (below(3) === 0) {
        schedule.drop(key);
        known.delete(key);
      } else {
        schedule.put(key, at);
        known.set(key, Math.min(at, known.get(key) ?? at));
      }
      expect(schedule.earliest()).toBe(known.size === 0 ? undefined : Math.min(...known.values()));
    }
    const order = [...known].sort(([, a], [, b]) => a - b).map(([key]) => key);
    expect(order.length).toBeGreaterThan(100);
    expect(takeAll(schedule)).toEqual(order);
  });
});
