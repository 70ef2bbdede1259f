import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

let temp = '';
beforeEach(async () => {
  temp = await mkdtemp(join(tmpdir(), 'peerage-quickstart-test-'));
});
afterEach(() => rm(temp, { recursive: true, force: true }));

test('goes from nothing to Ready, scales, deletes, and leaves nothing in the cloud or on the disk', async () => {
  const kubeconfig = join(temp, 'kubeconfig-of-the-user');
  await writeFile(kubeconfig, 'not even YAML: [');
  const scratch = join(temp, 'tmp');
  const run = runCli(['quickstart'], {
    KUBECONFIG: kubeconfig,
    AWS_PROFILE: 'prod',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    // The clean-up is looked for here, where nobody else makes files.
    TMPDIR: await mkdtemp(scratch),
  });
  const code = await run.ended;
  expect(run.output()).toContain('The machines and their addresses are pretended');
  expect(run.output()).toMatch(/ok +[\d.]+ s {2}nothing left in the cloud/);
  expect(code, run.output()).toBe(0);
  expect(await readFile(kubeconfig, 'utf8')).toBe('not even YAML: [');
  const [dir = ''] = (await readdir(temp)).filter((name) => name.startsWith('tmp'));
  expect((await readdir(join(temp, dir))).filter((name) => name.startsWith('peerage-'))).toEqual([]);
}, 600_000);

test('says which step failed and why', async () => {
  const run = runCli(['quickstart'], { KUBEBUILDER_ASSETS: await brokenControlPlane() });
  expect(await run.ended).toBe(1);
  expect(run.output()).toContain('FAIL');
  expect(run.output()).toContain('quickstart failed at "etcd and kube-apiserver up": etcd ended with code 7');
}, 60_000);

async function brokenControlPlane(): Promise<string> {
  for (const name of ['etcd', 'kube-apiserver', 'kubectl']) {
    await writeFile(join(temp, name), '#!/bin/sh\nexit 7\n', { mode: 0o755 });
  }
  return temp;
}
