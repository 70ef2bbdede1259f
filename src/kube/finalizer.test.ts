import { beforeEach, describe, expect, test } from 'vitest';
import { isConflict } from './errors.ts';
import { createFakeApi, type FakeApi } from './fake-api.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from './finalizer.ts';
import type { KubeObject } from './object.ts';
import type { Resource } from './resource.ts';

const ours = 'peerage.dev/machine';
let api: FakeApi;
let things: Resource<KubeObject>;
let thing: KubeObject;

beforeEach(async () => {
  api = createFakeApi();
  things = api.resource({
    ...{ group: 'test.dev', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true },
    parse: (raw) => raw,
  });
  thing = await things.create({ metadata: { name: 'a', namespace: 'ns', finalizers: ['other.dev/x'] } });
  api.calls.length = 0;
});

describe('a finalizer', () => {
  test('is put beside those of others, and taken away alone', async () => {
    const held = await addFinalizer(things, thing, ours);
    expect(held?.metadata.finalizers).toEqual(['other.dev/x', ours]);
    const freed = held && (await removeFinalizer(things, held, ours));
    expect(freed?.metadata.finalizers).toEqual(['other.dev/x']);
  });

  test('costs no call when it is there, or gone, already', async () => {
    expect(await removeFinalizer(things, thing, ours)).toBe(thing);
    const held = await addFinalizer(things, thing, ours);
    expect(held && (await addFinalizer(things, held, ours))).toBe(held);
    expect(api.calls).toEqual(['patch things ns/a']);
  });

  test('never wipes out one that somebody has just added: the write is refused', async () => {
    const stale = thing;
    await things.patch(
      thing.metadata,
      { metadata: { finalizers: ['other.dev/x', 'third.dev/y'] } },
      { type: 'merge' },
    );
    await expect(addFinalizer(things, stale, ours)).rejects.toSatisfy(isConflict);
    expect((await things.get(thing.metadata))?.metadata.finalizers).toEqual(['other.dev/x', 'third.dev/y']);
  });

  test('is not put on an object that is being deleted', async () => {
    const going = await things.delete(thing.metadata);
    const result = going && (await addFinalizer(things, going, ours));
    expect(result && hasFinalizer(result, ours)).toBe(false);
  });

  test('on an object that is gone is nothing to worry about', async () => {
    await things.patch(thing.metadata, { metadata: { finalizers: null } }, { type: 'merge' });
    await things.delete(thing.metadata);
    expect(await addFinalizer(things, thing, ours)).toBeUndefined();
    expect(await removeFinalizer(things, thing, 'other.dev/x')).toBeUndefined();
  });
});
