import { expect, test } from 'vitest';
import { describeError, toError } from './errors.ts';

test('an error is described with all its causes, in one line', () => {
  const error = new Error('launching node chains/a', {
    cause: new Error('RunInstances', { cause: 'reset' }),
  });
  expect(describeError(error)).toBe('launching node chains/a: RunInstances: reset');
});

test('a cause that its wrapper has quoted is not said twice', () => {
  expect(describeError(new Error('patch a: timed out', { cause: new Error('timed out') }))).toBe(
    'patch a: timed out',
  );
});

test('a chain that leads back to itself has an end', () => {
  const error = new Error('a');
  error.cause = error;
  expect(describeError(error)).toBe('a');
});

test('failed attempts to connect are all named', () => {
  const error = new AggregateError([new Error('refused 1'), new Error('refused 2')]);
  expect(describeError(error)).toBe('refused 1, refused 2');
});

test('whatever is thrown becomes an error', () => {
  expect(toError('text')).toBeInstanceOf(Error);
  expect(describeError('text')).toBe('text');
});
