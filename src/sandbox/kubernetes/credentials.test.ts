import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeKubeconfig } from './credentials.ts';

test('a kubeconfig holds its proof itself and can be read by its owner only', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-credentials-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, 'kubeconfig');

  await writeKubeconfig(file, 'https://127.0.0.1:1', 'ca', { token: 'secret' });

  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
    clusters: [{ cluster: { server: 'https://127.0.0.1:1', 'certificate-authority-data': 'Y2E=' } }],
    users: [{ user: { token: 'secret' } }],
  });
});
