import { describe, expect, test } from 'vitest';
import type { Machine } from '../clouds/cloud.ts';
import { machinesOf, zoneFor } from './machine.ts';

const record = { token: 't', index: 1 };

function machine(id: string, more: Partial<Machine> = {}): Machine {
  const createdAt = '2030-01-01T00:00:00Z';
  return { id, owner: { cluster: 'c' }, launch: record, state: 'running', createdAt, ...more };
}

describe('the machine of a Node', () => {
  test('is the one of its token and index', () => {
    const others = [
      machine('x', { launch: { token: 't', index: 0 } }),
      machine('y', { launch: { token: 'u', index: 1 } }),
    ];
    expect(machinesOf(record, undefined, [...others, machine('m')])).toMatchObject({
      machine: { id: 'm' },
      surplus: [],
    });
  });

  test('is none without a record, whatever the status says', () => {
    expect(machinesOf(undefined, 'm', [machine('m')])).toEqual({ surplus: [] });
  });

  test('is the one in its status if there are several; the others are surplus', () => {
    const found = machinesOf(record, 'b', [machine('a'), machine('b'), machine('c')]);
    expect(found.machine?.id).toBe('b');
    expect(found.surplus.map(({ id }) => id)).toEqual(['a', 'c']);
  });

  test('is the oldest if the status names none', () => {
    const young = machine('a', { createdAt: '2030-01-01T00:00:01Z' });
    expect(machinesOf(record, undefined, [young, machine('b')]).machine?.id).toBe('b');
  });

  test('is rather one that stays than one on its way out', () => {
    const leaving = machine('a', { state: 'terminating' });
    expect(machinesOf(record, undefined, [leaving, machine('b')]).machine?.id).toBe('b');
  });

  test('counts as there until it has ended', () => {
    const leaving = machine('a', { state: 'terminating' });
    expect(machinesOf(record, undefined, [leaving])).toEqual({ machine: leaving, surplus: [] });
    const ended = machine('a', { state: 'terminated' });
    expect(machinesOf(record, 'a', [ended])).toEqual({ ended, surplus: [] });
  });

  test('is not ended twice: what is on its way out is no surplus', () => {
    const found = machinesOf(record, 'a', [machine('a'), machine('b', { state: 'terminating' })]);
    expect(found.surplus).toEqual([]);
  });
});

describe('the zone of a launch', () => {
  const zones = ['a', 'b', 'c'];

  test('spreads by ordinal', () => {
    expect([0, 1, 2, 3].map((index) => zoneFor(zones, index, 1))).toEqual(['a', 'b', 'c', 'a']);
  });

  test('is another with each attempt', () => {
    expect([1, 2, 3, 4].map((attempt) => zoneFor(zones, 1, attempt))).toEqual(['b', 'c', 'a', 'b']);
  });

  test('is none where there is none', () => {
    expect(zoneFor([], 0, 1)).toBeUndefined();
  });
});
