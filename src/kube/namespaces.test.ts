import { beforeEach, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import { createFakeApi, type FakeApi } from './fake-api.ts';
import { createNamespaceLabels, NAMESPACES } from './namespaces.ts';

const { signal } = new AbortController();
let clock: FakeClock;
let api: FakeApi;

beforeEach(() => {
  clock = createFakeClock();
  api = createFakeApi();
});

test('labels of a namespace are at most half a minute old', async () => {
  const namespaces = api.resource(NAMESPACES);
  await namespaces.create({ metadata: { name: 'chains', labels: { tier: 'test' } } });
  const labelsOf = createNamespaceLabels({ client: api, clock });
  expect(await labelsOf('chains', signal)).toEqual({ tier: 'test' });
  await namespaces.patch({ name: 'chains' }, { metadata: { labels: { tier: 'live' } } }, { type: 'merge' });
  await clock.advance(29_999);
  expect(await labelsOf('chains', signal)).toEqual({ tier: 'test' });
  await clock.advance(1);
  expect(await labelsOf('chains', signal)).toEqual({ tier: 'live' });
  expect(api.calls.filter((call) => call.startsWith('get'))).toHaveLength(2);
});

test('a namespace that is not there has none', async () => {
  expect(await createNamespaceLabels({ client: api, clock })('gone', signal)).toEqual({});
});
