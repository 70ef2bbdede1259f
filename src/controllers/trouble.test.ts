import { describe, expect, test } from 'vitest';
import { CloudError, type CloudErrorCode } from '../clouds/cloud.ts';
import { troubleOf } from './trouble.ts';

const refusal = (code: CloudErrorCode, reason = 'Any') =>
  new CloudError({ code, reason, outcome: 'none', api: 'Call', message: 'no' });

describe('a cloud that does not answer', () => {
  const told = (failures: number) => troubleOf(refusal('unavailable'), failures);

  test('is asked ever more slowly, a minute at most', () => {
    expect([0, 1, 2, 5, 6, 100].map((failures) => told(failures)?.retryAfterMs)).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
    ]);
  });

  test('wants a person when that has not helped for a minute', () => {
    expect([0, 5, 6, 7].map((failures) => told(failures)?.stalled)).toEqual([false, false, true, true]);
  });
});

test('an image that is on its way is no trouble, however long it takes', () => {
  expect(troubleOf(refusal('unavailable', 'ImageIsBeingPulled'), 20)).toMatchObject({
    reason: 'Progressing',
    stalled: false,
    retryAfterMs: 5_000,
  });
});

test.for([
  ['notFound', 'NetworkNotFound', 'NetworkNotFound'],
  ['invalid', 'AmbiguousNetwork', 'AmbiguousNetwork'],
  ['invalid', 'NoDefaultVpc', 'NetworkNotFound'],
  ['invalid', 'VpcChanged', 'NetworkChanged'],
  ['invalid', 'UserDataTooLarge', 'UserDataTooLarge'],
  ['notFound', 'ImageNotFound', 'NotFound'],
  ['unavailable', 'NetworkNotFound', 'CloudUnavailable'],
] as const)('%s with %s is told as %s', ([code, reason, own]) => {
  expect(troubleOf(refusal(code, reason), 0)?.reason).toBe(own);
});
