import { expect, test } from 'vitest';
import { createFakeApi } from './fake-api.ts';
import { createIdentity, createLeaseStore } from './lease.ts';

const record = { holder: 'a', durationMs: 15_000, acquiredAt: 1_000, renewedAt: 2_500, transitions: 0 };
const signal = new AbortController().signal;

test('a Lease is made when missing, and read as it was written', async () => {
  const store = createLeaseStore(createFakeApi(), { namespace: 'ns', name: 'peerage' });
  expect(await store.read(signal)).toBeUndefined();
  const version = await store.write(record, undefined, signal);
  expect(await store.read(signal)).toEqual({ record, version });
});

test('a Lease is written only over the version that was seen', async () => {
  const store = createLeaseStore(createFakeApi(), { namespace: 'ns', name: 'peerage' });
  const first = await store.write(record, undefined, signal);
  expect(await store.write({ ...record, holder: 'b' }, undefined, signal)).toBeUndefined();
  const second = await store.write({ ...record, renewedAt: 4_000 }, first, signal);
  expect(await store.write({ ...record, holder: 'b' }, first, signal)).toBeUndefined();
  expect((await store.read(signal))?.version).toBe(second);
});

test('no two starts of the program have the same identity', () => {
  expect(createIdentity(1, () => 0)).not.toBe(createIdentity(2, () => 0));
  expect(createIdentity(1, () => 0)).not.toBe(createIdentity(1, () => 0.5));
});
