import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { KubeError } from './errors.ts';
import { createEventRecorder, type EventRecorder, type NewEvent } from './events.ts';
import { createFakeApi, type FakeApi } from './fake-api.ts';
import type { KubeObject } from './object.ts';

interface Event extends KubeObject {
  readonly note?: string;
  readonly eventTime?: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

let clock: FakeClock;
let api: FakeApi;
let recorder: EventRecorder;
let warnings: string[];

beforeEach(() => {
  clock = createFakeClock();
  api = createFakeApi();
  warnings = [];
  const logger: Logger = { debug() {}, info() {}, warn: (_, message) => warnings.push(message), error() {} };
  recorder = createEventRecorder({
    ...{ client: api, clock, logger },
    reportingController: 'peerage.dev/operator',
    reportingInstance: 'pod-1',
  });
});

function event(change: Partial<NewEvent> = {}, uid = 'u1'): void {
  const metadata = { name: 'a', namespace: 'ns', uid, resourceVersion: '5', creationTimestamp: '' };
  recorder.event({
    ...{ type: 'Warning', reason: 'LaunchFailed', action: 'Launch', note: 'no capacity' },
    regarding: { apiVersion: 'peerage.dev/v1alpha1', kind: 'Node', metadata },
    ...change,
  });
}

async function written(): Promise<Event[]> {
  await recorder.flush();
  const events = api.resource({
    ...{ group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
    parse: (raw: Event) => raw,
  });
  return (await events.list()).items;
}

describe('an Event', () => {
  test('is written with what the server demands', async () => {
    event();
    expect(await written()).toEqual([
      expect.objectContaining({
        apiVersion: 'events.k8s.io/v1',
        metadata: expect.objectContaining({
          namespace: 'ns',
          name: expect.stringMatching(/^a\.[a-z2-7]{13}$/),
        }),
        eventTime: '2030-01-01T00:00:00.000000Z',
        reportingController: 'peerage.dev/operator',
        reportingInstance: 'pod-1',
        note: 'no capacity',
        regarding: expect.objectContaining({ kind: 'Node', name: 'a', namespace: 'ns', uid: 'u1' }),
      }),
    ]);
  });

  test('that repeats costs a write at the 2nd, 4th, 8th time only', async () => {
    for (let n = 0; n < 20; n++) event();
    const [only, ...others] = await written();
    expect(others).toEqual([]);
    expect(only?.series?.count).toBe(16);
    expect(api.calls.filter((call) => call.startsWith('patch')).length).toBe(4);
  });

  test('that is told to be alike counts as a repetition, whatever its note', async () => {
    for (const name of ['a', 'b', 'c', 'd']) event({ note: `${name}: no capacity`, alike: 'no capacity' });
    const [only, ...others] = await written();
    expect(others).toEqual([]);
    expect(only).toMatchObject({ note: 'a: no capacity', series: { count: 4 } });
    expect(only).not.toHaveProperty('alike');
  });

  test('is a new one when the last was long ago', async () => {
    event();
    await clock.advance(600_000);
    event();
    expect((await written()).length).toBe(2);
  });

  test('comes no more than so often for one object, however different, and others are not held up by that', async () => {
    for (let n = 0; n < 100; n++) event({ note: `attempt ${n}` });
    event({}, 'u2');
    expect((await written()).length).toBe(26);
    await clock.advance(300_000);
    event({ note: 'later' });
    expect((await written()).length).toBe(27);
  });

  test('has a note of at most 1024 bytes, cut between characters', async () => {
    event({ note: 'ä'.repeat(1_000) });
    const [only] = await written();
    expect(Buffer.byteLength(only?.note ?? '')).toBeLessThanOrEqual(1_024);
    expect(only?.note).toMatch(/^ä+…$/);
  });

  test('is dropped in silence in a namespace that is going, and with a line otherwise', async () => {
    const causes = [{ reason: 'NamespaceTerminating', message: '', field: '' }];
    const body = { message: 'forbidden', details: { causes } };
    api.failNext('create', new KubeError('create', { status: 403, reason: 'Forbidden', body }));
    event();
    expect(await written()).toEqual([]);
    expect(warnings).toEqual([]);
    api.failNext('create', new KubeError('create', { status: 500, reason: 'InternalError' }));
    event({ note: 'another' });
    event({ note: 'a third' });
    expect((await written()).length).toBe(1);
    expect(warnings).toEqual(['event dropped']);
  });

  test('is written when it comes again after it was dropped, or is not there any more', async () => {
    api.failNext('create', new KubeError('create', { status: 500, reason: 'InternalError' }));
    event();
    expect(await written()).toEqual([]);
    event();
    const [first] = await written();
    expect(first?.series).toBeUndefined();
    await api
      .resource({
        ...{ group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
        parse: (raw) => raw,
      })
      .delete({ namespace: 'ns', name: first?.metadata.name ?? '' });
    event();
    expect(await written()).toEqual([]);
    event();
    expect((await written()).length).toBe(1);
  });

  test('beyond so many that wait is dropped, which is told once', async () => {
    for (let n = 0; n < 1_100; n++) event({}, `u${n}`);
    expect((await written()).length).toBe(1_001);
    expect(warnings).toEqual(['events dropped, too many at once']);
  });
});
