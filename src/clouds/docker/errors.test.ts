import { expect, test } from 'vitest';
import { describeError } from '../../runtime/errors.ts';
import { CloudError } from '../cloud.ts';
import { toCloudError, wasAnswered, withOutcome, withPlace } from './errors.ts';
import type { Api } from './limits.ts';

/** As the HTTP client throws it. */
function answer(statusCode: number, message = 'as the engine says'): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message} `), {
    statusCode,
    json: { message },
  });
}

function failure(code: string, syscall?: string): Error {
  return Object.assign(new Error(code), { code, ...(syscall === undefined ? {} : { syscall }) });
}

const write = (api: Api, thrown: unknown) => toCloudError({ api, write: true }, thrown);

test.each([
  ['ContainerCreate', 400, 'invalid', 'BadParameter'],
  ['ContainerCreate', 404, 'notFound', 'NotFound'],
  ['ContainerCreate', 409, 'alreadyExists', 'NameTaken'],
  ['ContainerRename', 409, 'alreadyExists', 'NameTaken'],
  ['ContainerStart', 400, 'invalid', 'CommandNotRunnable'],
  ['ContainerStart', 404, 'unavailable', 'NetworkGone'],
  ['ContainerStart', 500, 'unavailable', 'StartFailed'],
  ['ContainerDelete', 409, 'unavailable', 'Conflict'],
  ['ContainerExec', 409, 'unavailable', 'Conflict'],
  ['PutContainerArchive', 404, 'invalid', 'PathNotFound'],
  ['NetworkCreate', 404, 'quota', 'NoAddressPool'],
  ['NetworkCreate', 409, 'alreadyExists', 'NameTaken'],
  ['NetworkDelete', 403, 'unavailable', 'InUse'],
  ['VolumeDelete', 409, 'unavailable', 'InUse'],
  ['ImageCreate', 401, 'unauthorized', 'PullDenied'],
  ['ImageCreate', 404, 'notFound', 'ImageNotFound'],
  ['ImageCreate', 500, 'unavailable', 'PullFailed'],
  ['ContainerList', 403, 'unauthorized', 'Forbidden'],
  ['ContainerList', 418, 'invalid', 'Http418'],
  ['ContainerList', 429, 'throttled', 'TooManyRequests'],
  ['ContainerList', 501, 'unsupported', 'NotImplemented'],
  ['ContainerList', 502, 'unavailable', 'Http502'],
] as const)('%s that is answered %i is %s', (api, status, code, reason) => {
  expect(write(api, answer(status))).toMatchObject({ api, code, reason });
});

test('says what the engine says', () => {
  expect(write('ContainerCreate', answer(409, 'Conflict. The name is in use.')).message).toBe(
    'ContainerCreate refused: NameTaken: Conflict. The name is in use.',
  );
});

test('of a stream takes the engine’s sentence out of that of the client', () => {
  const streamed = Object.assign(
    new Error('(HTTP code 404) unexpected - pull access denied for a - or not there '),
    {
      statusCode: 404,
      json: null,
    },
  );
  expect(write('ImageCreate', streamed).message).toBe(
    'ImageCreate refused: ImageNotFound: pull access denied for a - or not there',
  );
});

test('is told once, although the client frames the same sentence', () => {
  const refusal = write('ContainerStart', answer(500, 'port is already allocated'));
  const told = 'engine 10.0.0.5:2376: port is already allocated';
  expect(describeError(refusal)).toBe('ContainerStart refused: StartFailed: port is already allocated');
  expect(describeError(withPlace(refusal, '10.0.0.5:2376'))).toBe(
    `ContainerStart refused: StartFailed: ${told}`,
  );
});

test('attempts to connect that failed together are told once', () => {
  const attempts = [failure('ECONNREFUSED', 'connect'), failure('ENETUNREACH', 'connect')];
  const thrown = Object.assign(new AggregateError(attempts), { code: 'ECONNREFUSED' });
  expect(describeError(write('ContainerStart', thrown))).toBe(
    'ContainerStart refused: ECONNREFUSED: ECONNREFUSED, ENETUNREACH',
  );
});

test('a refusal changed nothing, and after 5xx nobody knows, but for what only reads', () => {
  expect(write('ContainerCreate', answer(409)).outcome).toBe('none');
  expect(write('ContainerCreate', answer(500)).outcome).toBe('unknown');
  expect(toCloudError({ api: 'ContainerList', write: false }, answer(500)).outcome).toBe('none');
});

test.each([
  ['ECONNREFUSED', 'connect', 'unavailable', 'none'],
  ['ENOENT', 'connect', 'unavailable', 'none'],
  ['ENOTFOUND', 'getaddrinfo', 'unavailable', 'none'],
  ['EACCES', 'connect', 'unauthorized', 'none'],
  ['SELF_SIGNED_CERT_IN_CHAIN', undefined, 'unauthorized', 'none'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', undefined, 'unauthorized', 'none'],
  ['ECONNRESET', undefined, 'unavailable', 'unknown'],
  ['EPIPE', 'write', 'unavailable', 'unknown'],
] as const)('a line that fails with %s in %s is %s, outcome %s', (code, syscall, means, outcome) => {
  const error = write('ContainerStart', failure(code, syscall));
  expect([error.code, error.outcome]).toEqual([means, outcome]);
  expect(wasAnswered(error)).toBe(false);
});

test('a call that was called off may have been carried out', () => {
  const late = new Error('waiting for an answer: deadline of 30 s passed');
  expect(toCloudError({ api: 'ContainerStart', write: true, calledOff: true }, late)).toMatchObject({
    code: 'unavailable',
    outcome: 'unknown',
    reason: 'NoAnswer',
  });
});

test('keeps an error that is one of ours, and says it again with another outcome', () => {
  const refusal = write('ContainerStart', answer(500));
  expect(write('ContainerCreate', refusal)).toBe(refusal);
  const certain = withOutcome(refusal, 'none');
  expect(certain).toBeInstanceOf(CloudError);
  expect(certain).toMatchObject({ message: refusal.message, code: refusal.code, outcome: 'none' });
  expect(wasAnswered(certain)).toBe(true);
});

test('tells its words apart from what stands before them, however often it is said again', () => {
  const refusal = write('ContainerStart', answer(500, 'no room'));
  expect(refusal.words).toBe('no room');
  const told = withPlace(withOutcome(refusal, 'none'), '10.0.0.5:2376');
  expect(told.words).toBe('engine 10.0.0.5:2376: no room');
  expect(withPlace(told, '10.0.0.5:2376')).toBe(told);
});
