import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import { createFakeApi, type FakeApi } from './fake-api.ts';
import type { KubeObject } from './object.ts';
import type { Resource } from './resource.ts';
import { createSecretReader, type SecretReader } from './secrets.ts';

let clock: FakeClock;
let api: FakeApi;
let reader: SecretReader;
let secrets: Resource<KubeObject>;
const name = { namespace: 'chains', name: 'aws-keys' };

function write(value: string) {
  const data = { aws_secret_access_key: Buffer.from(value).toString('base64') };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ data }) };
  return { data, metadata: { ...name, annotations } };
}

beforeEach(async () => {
  clock = createFakeClock();
  api = createFakeApi();
  reader = createSecretReader({ client: api, clock });
  secrets = api.resource({
    ...{ group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true },
    parse: (raw) => raw,
  });
  await secrets.create(write('planted-1'));
  api.calls.length = 0;
});

const revealed = async () => (await reader.read(name))?.values.get('aws_secret_access_key')?.reveal();

describe('a Secret', () => {
  test('gives its values to who asks for them, and shows them to nobody', async () => {
    expect(await revealed()).toBe('planted-1');
    const shown = inspect(await reader.read(name), { depth: 9, showHidden: true });
    expect(shown).not.toContain('planted-1');
    expect(shown).not.toContain(Buffer.from('planted-1').toString('base64'));
  });

  test('is read once for all who ask at the same time and within half a minute', async () => {
    await Promise.all([revealed(), revealed(), revealed()]);
    await clock.advance(29_000);
    await revealed();
    expect(api.calls).toEqual(['get secrets chains/aws-keys']);
  });

  test('keeps nobody waiting who was told to end', async () => {
    const stop = new AbortController();
    const read = reader.read(name, { signal: stop.signal });
    const other = reader.read(name);
    stop.abort(new Error('SIGTERM'));
    await expect(read).rejects.toThrow('SIGTERM');
    expect(await other).toBeDefined();
  });

  test('shows its new values after half a minute, or at once when the old ones are to be forgotten', async () => {
    await revealed();
    await secrets.patch(name, { data: write('planted-2').data }, { type: 'merge' });
    expect(await revealed()).toBe('planted-1');
    reader.forget();
    expect(await revealed()).toBe('planted-2');
    await secrets.patch(name, { data: write('planted-3').data }, { type: 'merge' });
    await clock.advance(30_000);
    expect(await revealed()).toBe('planted-3');
  });

  test('that is missing is looked for every time', async () => {
    await secrets.delete(name);
    expect(await reader.read(name)).toBeUndefined();
    await secrets.create(write('planted-4'));
    expect(await revealed()).toBe('planted-4');
  });

  test('that is found to be gone is forgotten at once', async () => {
    await revealed();
    await secrets.delete(name);
    reader.forget();
    expect(await reader.read(name)).toBeUndefined();
  });

  test('that was asked for before the old values were to be forgotten is not kept', async () => {
    const before = revealed();
    reader.forget();
    const after = revealed();
    expect(await before).toBe('planted-1');
    await secrets.patch(name, { data: write('planted-2').data }, { type: 'merge' });
    await after;
    reader.forget();
    expect(await revealed()).toBe('planted-2');
    expect(api.calls.filter((call) => call.startsWith('get'))).toHaveLength(3);
  });

  test('can be held and released, also when it is gone', async () => {
    expect((await reader.hold(name, 'peerage.dev/credential'))?.metadata.finalizers).toEqual([
      'peerage.dev/credential',
    ]);
    await secrets.delete(name);
    expect(await revealed()).toBe('planted-1');
    await reader.release(name, 'peerage.dev/credential');
    expect(await reader.read(name)).toBeUndefined();
    await reader.release(name, 'peerage.dev/credential');
    expect(await reader.hold(name, 'peerage.dev/credential')).toBeUndefined();
  });

  test('is still asked for after a read that failed', async () => {
    api.failNext('get', new Error('down'));
    await expect(reader.read(name)).rejects.toThrow('down');
    expect(await revealed()).toBe('planted-1');
  });
});
