import { describe, expect, test } from 'vitest';
import { findCondition, isConditionTrue, removeCondition, setCondition } from './conditions.ts';

const noon = Date.parse('2030-01-01T12:00:00.789Z');
const ready = {
  type: 'Ready',
  status: 'False',
  reason: 'Launching',
  message: 'waits',
  observedGeneration: 1,
} as const;

describe('a condition', () => {
  test('tells when its status last changed, not when it was last written', () => {
    const first = setCondition(undefined, ready, noon);
    expect(findCondition(first, 'Ready')?.lastTransitionTime).toBe('2030-01-01T12:00:00Z');
    const second = setCondition(
      first,
      { ...ready, reason: 'Starting', observedGeneration: 2 },
      noon + 60_000,
    );
    expect(findCondition(second, 'Ready')).toEqual({
      ...ready,
      reason: 'Starting',
      observedGeneration: 2,
      lastTransitionTime: '2030-01-01T12:00:00Z',
    });
    const third = setCondition(second, { ...ready, status: 'True' }, noon + 120_000);
    expect(findCondition(third, 'Ready')?.lastTransitionTime).toBe('2030-01-01T12:02:00Z');
    expect(isConditionTrue(third, 'Ready')).toBe(true);
  });

  test('keeps its place in the list, and leaves the list it came from as it was', () => {
    const list = setCondition(setCondition([], ready, noon), { ...ready, type: 'Stalled' }, noon);
    const changed = setCondition(list, { ...ready, status: 'True' }, noon);
    expect(changed.map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
    expect(isConditionTrue(list, 'Ready')).toBe(false);
    expect(removeCondition(changed, 'Ready').map(({ type }) => type)).toEqual(['Stalled']);
  });
});
