import { expect, test } from 'vitest';
import { compareVersions, deepFreeze, keyOf, microTime, wholeSeconds } from './object.ts';

test('resourceVersions are compared as numbers of any length', () => {
  const sorted = ['9', '10', '99', '100', '9007199254740993', '9007199254740994'];
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
  expect(compareVersions('5', '5')).toBe(0);
});

test('a key names one object, in a namespace or without', () => {
  expect(keyOf({ namespace: 'chains', name: 'a' })).toBe('chains/a');
  expect(keyOf({ name: 'kube-system' })).toBe('kube-system');
});

test('a frozen object is frozen to the bottom', () => {
  const object = deepFreeze({ a: [{ b: { c: 1 } }] });
  expect(Object.isFrozen(object.a[0]?.b)).toBe(true);
});

test('times have the digits that the server insists on', () => {
  const at = Date.parse('2030-01-02T03:04:05.067Z');
  expect(microTime(at)).toBe('2030-01-02T03:04:05.067000Z');
  expect(wholeSeconds(at)).toBe('2030-01-02T03:04:05Z');
});
