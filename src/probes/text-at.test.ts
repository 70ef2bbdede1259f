import { describe, expect, test } from 'vitest';
import { textAt } from './text-at.ts';

describe('the text in an answer', () => {
  const answer = { enode: ' enode://id@h:1 ', node_info: { id: 'abc', list: ['x', 7] }, empty: '' };

  test.for([
    ['enode', 'enode://id@h:1'],
    ['node_info.id', 'abc'],
    ['node_info.list.0', 'x'],
    ['node_info.list.1', '7'],
    ['node_info', undefined],
    ['node_info.list.length', undefined],
    ['nothing.here', undefined],
    ['empty', undefined],
    ['', undefined],
    ['constructor', undefined],
  ] as const)('at %j is %j', ([path, text]) => {
    expect(textAt(answer, path)).toBe(text);
  });

  test('may be the answer itself', () => {
    expect(textAt('enr:-x', '')).toBe('enr:-x');
  });

  test('is none where it is longer than any address', () => {
    expect(textAt('x'.repeat(4_096), '')).toHaveLength(4_096);
    expect(textAt('x'.repeat(4_097), '')).toBeUndefined();
  });
});
