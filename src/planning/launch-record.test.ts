import { expect, test } from 'vitest';
import {
  formatLaunchRecord,
  type LaunchRecord,
  parseLaunchRecord,
  rowsOf,
  spentAfter,
} from './launch-record.ts';

const member: LaunchRecord = {
  token: 't1',
  index: 1,
  attempt: 1,
  account: '1',
  cluster: 'c',
  region: 'us-east-1',
  zone: 'us-east-1a',
  head: { name: 'a', uid: 'u' },
  at: '2030-01-01T00:00:00.000Z',
};
const head: LaunchRecord = { ...member, index: 0, members: ['a', 'b'], resolved: { image: 'ami-1' } };
const rows = [
  { name: 'a', index: 4 },
  { name: 'b', index: 2 },
];
const peers = { bootnodes: ['x:1'], peers: ['x:1', 'y:1'] };

test.for([member, head, { ...head, rows, peers }])('is read as it was written: index $index', (record) => {
  expect(parseLaunchRecord(formatLaunchRecord(record))).toEqual(record);
});

test('no annotation, no record', () => {
  expect(parseLaunchRecord(undefined)).toBeUndefined();
});

test.for(['', 'not json', '{}', JSON.stringify({ ...member, index: -1 })])('refuses %s', (annotation) => {
  expect(() => parseLaunchRecord(annotation)).toThrow();
});

test('each machine is told its ordinal; by an older head it was told its position', () => {
  expect(rowsOf({ ...head, rows })).toEqual(rows);
  expect(rowsOf(head)).toEqual([
    { name: 'a', index: 0 },
    { name: 'b', index: 1 },
  ]);
});

test('a token is spent once its Node was the head of it', () => {
  expect(spentAfter(undefined)).toEqual([]);
  expect(spentAfter(member)).toEqual([]);
  expect(spentAfter(head)).toEqual(['t1']);
  expect(spentAfter({ ...member, token: 't2', spent: ['t1'] })).toEqual(['t1']);
  expect(spentAfter({ ...head, token: 't2', spent: ['t1'] })).toEqual(['t1', 't2']);
});

test('only the newest spent tokens are remembered, so that an annotation stays small', () => {
  let record = head;
  for (let attempt = 2; attempt < 100; attempt += 1)
    record = { ...head, token: `t${attempt}`, spent: [...spentAfter(record)] };
  expect(spentAfter(record)).toHaveLength(64);
  expect(spentAfter(record).at(-1)).toBe('t99');
});
