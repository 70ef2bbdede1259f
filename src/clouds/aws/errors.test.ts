import { describe, expect, test } from 'vitest';
import { CloudError, type CloudErrorCode } from '../cloud.ts';
import { classify, toCloudError } from './errors.ts';

describe('the class of a provider code', () => {
  test.each<[string, CloudErrorCode | undefined]>([
    ['InsufficientInstanceCapacity', 'outOfCapacity'],
    ['Server.InsufficientInstanceCapacity', 'outOfCapacity'],
    ['Server.SpotInstanceTermination', 'outOfCapacity'],
    ['Client.VolumeLimitExceeded', 'quota'],
    ['Client.InvalidSnapshot.NotFound', 'notFound'],
    ['InvalidSubnetID.NotFound', 'notFound'],
    ['LoadBalancerNotFoundException', 'notFound'],
    ['InvalidGroup.Duplicate', 'alreadyExists'],
    ['InvalidGroup.InUse', 'unavailable'],
    ['DuplicateTargetGroupNameException', 'alreadyExists'],
    ['SomeNewLimitExceeded', 'quota'],
    ['InvalidSomethingNew', 'invalid'],
    ['ThrottlingException', 'throttled'],
    ['AccessDeniedException', 'unauthorized'],
    ['UnsupportedOperation', 'unsupported'],
    ['Server.InternalError', undefined],
    ['Client.UserInitiatedShutdown', undefined],
    ['constructor', undefined],
  ])('%s is %s', (code, expected) => {
    expect(classify(code)).toBe(expected);
  });
});

describe('an error of a call', () => {
  const write = { api: 'RunInstances', write: true, sent: true };

  test('keeps what a cloud has already said', () => {
    const said = new CloudError({
      api: 'AssumeRole',
      code: 'throttled',
      outcome: 'none',
      reason: 'x',
      message: 'y',
    });
    expect(toCloudError(write, said)).toBe(said);
  });

  test('is the provider’s own words, whatever they are', () => {
    const answer = Object.assign(
      new Error('You have reached InsufficientInstanceCapacity of throttled quota'),
      {
        name: 'InvalidParameterValue',
        $metadata: { httpStatusCode: 400 },
      },
    );
    expect(toCloudError(write, answer)).toMatchObject({ code: 'invalid', reason: 'InvalidParameterValue' });
  });

  test.each([
    ['ECONNREFUSED', 'none'],
    ['ENOTFOUND', 'none'],
    ['EHOSTUNREACH', 'none'],
    ['CERT_HAS_EXPIRED', 'none'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'none'],
    ['ECONNRESET', 'unknown'],
    ['EPIPE', 'unknown'],
    ['ETIMEDOUT', 'unknown'],
  ])('of the connection, %s: the outcome is %s', (code, outcome) => {
    const error = Object.assign(new Error('socket'), { code });
    expect(toCloudError(write, error)).toMatchObject({ code: 'unavailable', outcome, reason: code });
  });

  test('of a connection that timed out before it stood: nothing was done', () => {
    const error = Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT', syscall: 'connect' });
    expect(toCloudError(write, error).outcome).toBe('none');
  });

  test('of several attempts to connect tells each', () => {
    const failed = new AggregateError([
      new Error('connect ECONNREFUSED ::1'),
      new Error('connect ECONNREFUSED 127.0.0.1'),
    ]);
    const error = toCloudError(write, Object.assign(failed, { code: 'ECONNREFUSED' }));
    expect(error.message).toContain('ECONNREFUSED ::1');
    expect(error.outcome).toBe('none');
  });

  test('that is no error at all is still told', () => {
    expect(toCloudError(write, 'boom')).toMatchObject({
      code: 'unavailable',
      outcome: 'unknown',
      reason: 'NoAnswer',
    });
  });
});
