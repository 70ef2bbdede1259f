import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findEngine } from './engine.ts';

test("is the user's where DOCKER_HOST answers, and is left alone at the end", async () => {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-find-engine-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const socketPath = join(dir, 'engine.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('OK');
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => void server.close());
  const told: string[] = [];

  const engine = await findEngine({
    own: false,
    env: { DOCKER_HOST: `unix://${socketPath}` },
    progress: (line) => told.push(line),
  });
  await engine.stop();

  expect(engine).toMatchObject({ socketPath, isOwn: false });
  expect(told).toEqual([`yours, at unix://${socketPath}`]);
  expect(asked).toEqual(['/_ping']);
});
