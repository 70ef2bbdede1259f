import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { KubeError } from './errors.ts';
import { createFakeApi, type FakeApi, refused } from './fake-api.ts';
import { Informer, type InformerOptions } from './informer.ts';
import type { KubeObject } from './object.ts';
import { observing } from './observing.ts';
import type { Resource } from './resource.ts';

interface Thing extends KubeObject {
  readonly spec?: { readonly color?: string };
}

let clock: FakeClock;
let api: FakeApi;
let things: Resource<Thing>;
let stop: AbortController;
let seen: string[];
let running: Promise<void> | undefined;
let restarts: string[];

beforeEach(() => {
  clock = createFakeClock();
  api = createFakeApi();
  things = api.resource({
    group: 'test.dev',
    version: 'v1',
    plural: 'things',
    kind: 'Thing',
    namespaced: true,
    parse: (raw: Thing) => raw,
  });
  stop = new AbortController();
  seen = [];
  restarts = [];
});

afterEach(async () => {
  stop.abort();
  await running;
});

function start(options: Partial<InformerOptions<Thing>> = {}): Informer<Thing> {
  const informer = new Informer<Thing>({
    ...{ resource: things, clock, logger: silentLogger, random: () => 1 },
    restarts: { inc: ({ reason }) => restarts.push(reason) },
    ...options,
  });
  informer.onChange(({ type, key, now }) => seen.push(`${type} ${key} ${now?.spec?.color ?? ''}`.trim()));
  running = informer.run(stop.signal);
  return informer;
}

function create(name: string, color: string, more: { namespace?: string; finalizers?: string[] } = {}) {
  return things.create({ metadata: { name, namespace: 'ns', ...more }, spec: { color } });
}

function paint(name: string, color: string) {
  return things.patch({ namespace: 'ns', name }, { spec: { color } }, { type: 'merge' });
}

describe('an informer', () => {
  test('is synced only when the list is there, with all of it', async () => {
    await create('a', 'red');
    const informer = start();
    expect(informer.synced).toBe(false);
    await informer.whenSynced(stop.signal);
    expect(informer.synced).toBe(true);
    expect(informer.get('ns/a')?.spec?.color).toBe('red');
    expect(seen).toEqual(['added ns/a red']);
  });

  test('is not synced while the list fails, and goes on trying', async () => {
    api.failNext('list', refused(403, 'Forbidden', 'no'));
    api.failNext('list', refused(500, 'InternalError', 'no'));
    const informer = start();
    await clock.settle();
    expect(informer.synced).toBe(false);
    await clock.advance(800 + 1_600);
    expect(informer.synced).toBe(true);
    expect(restarts).toEqual(['error', 'error']);
  });

  test('tells what is added, modified and deleted', async () => {
    const informer = start();
    await clock.settle();
    await create('a', 'red');
    await paint('a', 'blue');
    await things.delete({ namespace: 'ns', name: 'a' });
    await clock.settle();
    expect(seen).toEqual(['added ns/a red', 'modified ns/a blue', 'deleted ns/a']);
    expect(informer.list()).toEqual([]);
  });

  test('goes on where it was after any error, misses nothing and repeats nothing', async () => {
    start();
    await clock.settle();
    await create('a', 'red');
    await clock.settle();
    api.endWatches(new Error('connection reset'));
    await clock.settle();
    await paint('a', 'blue');
    await create('b', 'green');
    await clock.advance(800);
    expect(seen).toEqual(['added ns/a red', 'modified ns/a blue', 'added ns/b green']);
    expect(restarts).toEqual(['error']);
    expect(api.calls.filter((call) => call.startsWith('list')).length).toBe(1);
  });

  test('lists anew when its version is too old, and tells what has become of everything meanwhile', async () => {
    await create('gone', 'grey');
    await create('a', 'red');
    await create('same', 'white');
    start();
    await clock.settle();
    seen.length = 0;
    api.endWatches(new Error('connection reset'));
    await clock.settle();
    await things.delete({ namespace: 'ns', name: 'gone' });
    await paint('a', 'blue');
    await create('b', 'green');
    api.forgetHistory();
    await clock.advance(10_000);
    expect(seen.sort()).toEqual(['added ns/b green', 'deleted ns/gone', 'modified ns/a blue']);
    expect(restarts).toEqual(['error', 'gone']);
  });

  test('need not list anew when a bookmark has told it a version that is still known', async () => {
    start();
    await clock.settle();
    await api.resource({ ...things.definition, plural: 'others' }).create({ metadata: { name: 'x' } });
    api.forgetHistory();
    api.bookmark();
    await clock.settle();
    api.endWatches(new Error('connection reset'));
    await clock.advance(800);
    await create('a', 'red');
    await clock.settle();
    expect(restarts).toEqual(['error']);
    expect(seen).toEqual(['added ns/a red']);
  });

  test('begins again at once when a watch has had its time', async () => {
    start();
    await clock.advance(300_000);
    api.endWatches();
    await clock.settle();
    expect(api.watches).toBe(1);
    expect(restarts).toEqual([]);
  });

  test('slows down when watches end as soon as they begin', async () => {
    start();
    await clock.settle();
    for (let n = 0; n < 4; n++) {
      api.endWatches();
      await clock.advance(800 * 2 ** n);
    }
    expect(restarts).toEqual(['short', 'short', 'short', 'short']);
    expect(api.calls.filter((call) => call.startsWith('watch')).length).toBe(5);
  });

  test('leaves a server alone for as long as it asks', async () => {
    const overloaded = { status: 429, reason: 'TooManyRequests', retryAfterSeconds: 20 };
    api.failNext('list', new KubeError('list', overloaded));
    const informer = start();
    await clock.advance(29_999);
    expect(informer.synced).toBe(false);
    await clock.advance(1);
    expect(informer.synced).toBe(true);
  });

  test('begins its backoff anew once a watch has brought something', async () => {
    start();
    await clock.settle();
    for (let n = 0; n < 3; n++) api.failNext('watch', new Error('down'));
    api.endWatches(new Error('down'));
    await clock.advance(800 + 1_600 + 3_200 + 6_400);
    await create('a', 'red');
    await clock.settle();
    api.endWatches(new Error('down'));
    await clock.advance(800);
    expect(api.watches).toBe(1);
  });

  test('gives out objects that nobody can change', async () => {
    await create('a', 'red');
    const informer = start();
    await clock.settle();
    const object = informer.get('ns/a');
    expect(Object.isFrozen(object)).toBe(true);
    expect(Object.isFrozen(object?.spec)).toBe(true);
    expect(Object.isFrozen(object?.metadata)).toBe(true);
  });

  test('lets no handler keep another from hearing', async () => {
    const informer = start();
    const heard: string[] = [];
    informer.onChange(() => {
      throw new Error('bad handler');
    });
    informer.onChange(({ key }) => heard.push(key));
    await clock.settle();
    await create('a', 'red');
    await create('b', 'red');
    await clock.settle();
    expect(heard).toEqual(['ns/a', 'ns/b']);
  });

  test('finds objects by index as they come, change and go', async () => {
    await create('a', 'red');
    const informer = start();
    informer.addIndex('color', ({ spec }) => (spec?.color === undefined ? [] : [spec.color]));
    await create('b', 'red');
    await clock.settle();
    const names = (color: string) => informer.byIndex('color', color).map(({ metadata }) => metadata.name);
    expect(names('red')).toEqual(['a', 'b']);
    await paint('a', 'blue');
    await things.delete({ namespace: 'ns', name: 'b' });
    await clock.settle();
    expect([names('red'), names('blue')]).toEqual([[], ['a']]);
    expect(() => informer.byIndex('shape', 'round')).toThrow('no index "shape"');
  });

  test('follows several namespaces behind one face, and only these', async () => {
    for (const namespace of ['one', 'two', 'three']) await create('a', 'red', { namespace });
    const informer = start({ namespaces: ['one', 'two'] });
    api.failNext('list', new Error('one is down'));
    await clock.settle();
    expect(informer.synced).toBe(false);
    await clock.advance(800);
    expect(informer.synced).toBe(true);
    expect(informer.list().map(({ metadata }) => metadata.namespace)).toEqual(['two', 'one']);
    expect(informer.list('one').length).toBe(1);
    const foreign = await create('b', 'red', { namespace: 'three' });
    informer.observe(foreign);
    expect(informer.get('three/b')).toBeUndefined();
  });

  test('stops without a trace', async () => {
    start();
    await clock.settle();
    stop.abort();
    await running;
    expect(api.watches).toBe(0);
    expect(clock.pending()).toBe(0);
  });
});

describe('reading one’s own writes', () => {
  test('has the answer to a write at once, and tells of it once', async () => {
    const informer = start();
    await clock.settle();
    const own = observing(things, informer);
    const { metadata } = await own.create({
      metadata: { name: 'a', namespace: 'ns' },
      spec: { color: 'red' },
    });
    expect(informer.get('ns/a')?.spec?.color).toBe('red');
    await own.patch(metadata, { spec: { color: 'blue' } }, { type: 'merge' });
    expect(informer.get('ns/a')?.spec?.color).toBe('blue');
    await clock.settle();
    expect(seen).toEqual(['added ns/a red', 'modified ns/a blue']);
  });

  test('is not undone by what the watch still has to say about the time before', async () => {
    await create('a', 'red');
    const informer = start();
    await clock.settle();
    api.endWatches(new Error('slow'));
    await clock.settle();
    await paint('a', 'orange');
    informer.observe(await paint('a', 'blue'));
    await clock.advance(800);
    expect(informer.get('ns/a')?.spec?.color).toBe('blue');
    expect(seen).toEqual(['added ns/a red', 'modified ns/a blue']);
  });

  test('does not bring back what has been deleted since', async () => {
    const informer = start();
    await clock.settle();
    const late = await create('a', 'red');
    await things.delete({ namespace: 'ns', name: 'a' });
    await clock.settle();
    informer.observe(late);
    expect(informer.get('ns/a')).toBeUndefined();
  });

  test('survives a list that was made before the write', async () => {
    const informer = start();
    const list = things.list;
    const own = await create('early', 'red');
    await clock.settle();
    stop.abort();
    await running;
    // A list under way: its answer is taken before the write, and arrives after it.
    const answer = await list();
    const written = await create('a', 'red');
    const again = new Informer<Thing>({
      ...{ clock, logger: silentLogger, resource: { ...things, list: async () => answer } },
    });
    const heard: string[] = [];
    again.onChange(({ type, key }) => heard.push(`${type} ${key}`));
    again.observe(written);
    stop = new AbortController();
    running = again.run(stop.signal);
    await clock.settle();
    expect(again.get('ns/a')?.metadata.uid).toBe(written.metadata.uid);
    expect(heard).toEqual(['added ns/a', 'added ns/early']);
    expect(informer.get('ns/early')?.metadata.uid).toBe(own.metadata.uid);
  });

  test('takes a new object of the same name for what it is', async () => {
    const informer = start();
    await create('a', 'red');
    await clock.settle();
    api.endWatches(new Error('slow'));
    await clock.settle();
    await things.delete({ namespace: 'ns', name: 'a' });
    const second = await create('a', 'blue');
    informer.observe(second);
    await clock.advance(800);
    expect(informer.get('ns/a')?.metadata.uid).toBe(second.metadata.uid);
  });
});
