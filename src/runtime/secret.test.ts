import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from './secret.ts';

test('a secret shows itself to nobody who does not ask', () => {
  const secret = new Secret('planted-value');
  const holder = { keys: [secret], by: new Map([['aws', secret]]) };
  const shown = [
    `${secret}`,
    JSON.stringify(holder),
    inspect(holder, { depth: 9, showHidden: true }),
    format('%o %s %j', secret, secret, secret),
    new Error('failed', { cause: secret }).stack,
    Object.values(secret).join(),
  ];
  expect(shown.join()).not.toContain('planted-value');
  expect(`${secret}`).toBe('***');
  expect(secret.reveal()).toBe('planted-value');
});
