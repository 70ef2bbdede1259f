/** Ordinary mistakes at the start are answered in one sentence. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'peerage-main-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** `code` and all that the operator prints. */
function start(...args: string[]): Promise<string> {
  const main = join(import.meta.dirname, '../../src/main.ts');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, ...args],
      { cwd: home, env: { HOME: home } },
      (error, stdout, stderr) => {
        resolve(`${error?.code ?? 0} ${stdout}${stderr}`);
      },
    );
  });
}

/** With the one context `here`. */
async function kubeconfig(server: string): Promise<string> {
  const path = join(home, 'config');
  const config = {
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'here',
  };
  await writeFile(path, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
  return path;
}

test('no cluster', async () => {
  expect(await start()).toMatch(
    /^1 peerage-operator: no Kubernetes cluster is named: give --kubeconfig .*\n$/,
  );
});

test('a kubeconfig that is not there', async () => {
  expect(await start('--kubeconfig', 'nowhere')).toBe(
    '1 peerage-operator: kubeconfig nowhere does not exist\n',
  );
});

test('a context that is not in it', async () => {
  const path = await kubeconfig('http://127.0.0.1:1');
  expect(await start('--kubeconfig', path, '--context', 'there')).toBe(
    `1 peerage-operator: ${path}: there is no context "there"\n`,
  );
});

test('an API server that does not answer', async () => {
  const server = `http://127.0.0.1:${await freePort()}`;
  const said = await start('--kubeconfig', await kubeconfig(server));
  expect(said).toMatch(
    /^1 peerage-operator: API server http:\/\/127\.0\.0\.1:\d+: get namespaces kube-system: .*ECONNREFUSED.*\n$/,
  );
});

test('an option that there is not', async () => {
  expect(await start('--bogus')).toBe("2 error: unknown option '--bogus'\n");
});
