import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import { createCredentials } from './credentials.ts';
import type { Target } from './kubeconfig.ts';

const never = new AbortController().signal;
let clock: FakeClock;
let folder: string;

beforeEach(() => {
  clock = createFakeClock();
  folder = mkdtempSync(join(tmpdir(), 'peerage-credentials-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function credentialsOf(user: Target['user']) {
  const target = {
    cluster: { server: 'https://near' },
    user,
    userName: 'me',
    namespace: undefined,
    source: 'test',
  };
  return createCredentials({ target, deadlineMs: 2_000, clock });
}

describe('a credential plug-in', () => {
  const started = () => readFileSync(join(folder, 'starts'), 'utf8').length;
  const apiVersion = 'client.authentication.k8s.io/v1';

  /** Notes each start, and says what is written into its pipe, when it is. */
  function plugin() {
    const pipe = join(folder, 'pipe');
    execFileSync('sh', ['-c', `mkfifo ${pipe}`]);
    writeFileSync(join(folder, 'starts'), '');
    const credentials = credentialsOf({
      exec: { apiVersion, command: 'sh', args: ['-c', `printf x >>${folder}/starts; cat ${pipe}`] },
    });
    const answer = { apiVersion, kind: 'ExecCredential', status: { token: 'planted' } };
    return { credentials, say: () => writeFile(pipe, JSON.stringify(answer)) };
  }

  test('that hangs holds no call beyond the deadline, nor one that is called off, and is not started again', async () => {
    const { credentials, say } = plugin();
    const late = expect(credentials(never)).rejects.toThrow(
      'waiting for the credential plug-in of user "me": deadline of 2 s passed',
    );
    await clock.advance(2_000);
    await late;
    const stop = new AbortController();
    const ended = expect(credentials(stop.signal)).rejects.toThrow('SIGTERM');
    stop.abort(new Error('SIGTERM'));
    await ended;
    const patient = credentials(never);
    await say();
    expect((await patient).headers).toEqual({ authorization: 'Bearer planted' });
    expect(started()).toBe(1);
    expect(clock.pending()).toBe(0);
  });
});

test('whoever acts as somebody else does so with the groups that were named', async () => {
  const credentials = credentialsOf({ token: 'planted', as: 'operator', 'as-groups': ['chains', 'readers'] });
  expect((await credentials(never)).headers).toEqual({
    authorization: 'Bearer planted',
    'impersonate-user': 'operator',
    'impersonate-group': ['chains', 'readers'],
  });
});

test('a certificate that is rotated in its file is read again after a minute', async () => {
  const paths = { 'client-certificate': join(folder, 'crt'), 'client-key': join(folder, 'key') };
  const write = (text: string) => {
    for (const path of Object.values(paths)) writeFileSync(path, text);
  };
  write('first');
  const credentials = credentialsOf(paths);
  await credentials(never);
  write('second');
  await clock.advance(60_000);
  expect(await credentials(never)).toMatchObject({ cert: 'first' });
  await clock.advance(1);
  expect(await credentials(never)).toMatchObject({ cert: 'second', key: 'second' });
});
