import { expect, test } from 'vitest';
import { commonVersion } from './engine.ts';

test.each([
  ['1.41', '1.12', '1.41'],
  ['1.47', '1.24', '1.47'],
  ['1.60', '1.44', '1.51'],
  ['2.1', '1.60', '1.60'],
])('of %s down to %s it speaks %s', (ApiVersion, MinAPIVersion, spoken) => {
  expect(commonVersion({ ApiVersion, MinAPIVersion })).toBe(spoken);
});

test('an engine that is too old is told so', () => {
  expect(() => commonVersion({ ApiVersion: '1.40' })).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: expect.stringContaining('speaks API 1.40 at most; 1.41 is the oldest'),
    }),
  );
});
