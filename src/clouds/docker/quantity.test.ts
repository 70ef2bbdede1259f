import { expect, test } from 'vitest';
import { memoryBytes, nanoCpus } from './quantity.ts';

test.each([
  ['2', 2e9],
  ['500m', 5e8],
  ['0.25', 2.5e8],
  ['1m', 1e7],
])('%s processors', (quantity, nano) => {
  expect(nanoCpus(quantity)).toBe(nano);
});

test.each([
  ['512Mi', 536_870_912],
  ['1G', 1e9],
  ['1e3', 1000],
])('%s of memory', (quantity, bytes) => {
  expect(memoryBytes(quantity)).toBe(bytes);
});

test.each(['', '0', '-1', 'much', '1Xi'])('%j is none', (quantity) => {
  expect(() => memoryBytes(quantity)).toThrow(expect.objectContaining({ code: 'invalid' }));
});
