import { expect, test } from 'vitest';
import { hash, stableJson } from './hash.ts';

test('a hash stays the same for ever: names in clouds are made of it', () => {
  expect(hash(['cluster', 'chains/dev', 'virginia', 'balancer'])).toBe('zvnaqqt77oyp7sz43t55uoynhz');
});

test('a hash does not depend on the order of members, but on that of lists', () => {
  expect(hash({ a: 1, b: { c: 2, d: 3 } })).toBe(hash({ b: { d: 3, c: 2 }, a: 1 }));
  expect(hash(['a', 'b'])).not.toBe(hash(['b', 'a']));
});

test('a hash does not confuse parts with their concatenation', () => {
  expect(hash(['ab', 'c'])).not.toBe(hash(['a', 'bc']));
});

test('a shorter hash is the beginning of a longer one, in letters and digits that every cloud takes', () => {
  const long = hash('x', 51);
  expect(long).toMatch(/^[a-z2-7]{51}$/);
  expect(hash('x', 5)).toBe(long.slice(0, 5));
});

test('stable JSON drops what is undefined and keeps lists as they are', () => {
  expect(stableJson({ b: undefined, a: [2, 1, { d: 1, c: 2 }] })).toBe('{"a":[2,1,{"c":2,"d":1}]}');
  expect(stableJson(undefined)).toBe('null');
});
