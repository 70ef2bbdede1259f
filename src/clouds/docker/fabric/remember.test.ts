import { expect, test } from 'vitest';
import type { ServerStats } from '../../../haproxy/stats.ts';
import { rememberUp } from './remember.ts';

const row = (server: string, status: ServerStats['status'], pool = 'port-80'): ServerStats => ({
  pool,
  server,
  status,
  ...(status === 'up' ? {} : { reason: 'INI' }),
  sessions: 0,
});

/** What is told after each of these looks. */
function told(...looks: readonly (readonly ServerStats[])[]) {
  const remembering = rememberUp();
  return looks.map((stats) => remembering(stats)).at(-1);
}

test('a server that was up is up over a reload, until its first check', () => {
  expect(told([row('a', 'up')], [row('a', 'checking')])).toEqual([row('a', 'up')]);
  expect(told([row('a', 'up')], [row('a', 'checking')], [row('a', 'checking')])).toEqual([row('a', 'up')]);
});

test('what a check finds is believed at once', () => {
  expect(told([row('a', 'up')], [row('a', 'checking')], [row('a', 'down')])).toEqual([row('a', 'down')]);
});

test.each(['down', 'drain', 'maint'] as const)('one that was %s has to be asked first', (status) => {
  expect(told([row('a', 'up')], [row('a', status)], [row('a', 'checking')])).toEqual([row('a', 'checking')]);
});

test('a new server has to be asked first, and so has one in another pool', () => {
  const before = [row('a', 'up')];
  const after = [row('a', 'checking'), row('b', 'checking'), row('a', 'checking', 'port-81')];
  expect(told(before, after)).toEqual([
    row('a', 'up'),
    row('b', 'checking'),
    row('a', 'checking', 'port-81'),
  ]);
});

test('one that was away is new', () => {
  expect(told([row('a', 'up')], [], [row('a', 'checking')])).toEqual([row('a', 'checking')]);
});
