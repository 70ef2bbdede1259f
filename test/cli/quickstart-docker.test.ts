/** The quickstart on real engines: one of its own, and one that stands for the user's. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath, startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { programPath } from '../support/programs.ts';
import { runCli } from './run-cli.ts';

const canRun = dockerdPath() && programPath('anvil') && programPath('haproxy') && programPath('busybox');

describe.skipIf(!canRun)('the quickstart on Docker', () => {
  let temp = '';
  beforeEach(async () => {
    temp = await mkdtemp(join(tmpdir(), 'peerage-quickstart-test-'));
  });
  afterEach(() => rm(temp, { recursive: true, force: true }));
  const environment = () => ({ KUBECONFIG: join(temp, 'none'), TMPDIR: temp });

  test('goes from nothing to a call answered, scales, deletes, and leaves nothing', async () => {
    const run = runCli(['quickstart', '--on', 'docker', '--own-engine'], environment());
    const code = await run.ended;
    expect(code, run.output()).toBe(0);
    expect(run.output()).toContain('curl -s http://127.0.0.1:');
    expect(run.output()).toContain('{"jsonrpc":"2.0","id":1,"result":"0x7a69"}');
    expect(run.output()).toMatch(/ok +[\d.]+ s {2}nothing left in the engine/);
    // What the kernel takes away goes a moment after its owner.
    const left = async () => (await readdir(temp)).filter((name) => name.startsWith('peerage-'));
    await eventually(left, (names) => expect(names).toEqual([]));
  }, 600_000);

  test("takes everything of it off the user's engine when it is interrupted, and nothing else", async () => {
    const engine = await startEngine();
    onTestFinished(() => engine.stop());
    await docker(engine, ['volume', 'create', 'mine']);
    const everything = async () =>
      await Promise.all(
        [
          ['ps', '--all', '--format={{.Names}}'],
          ['network', 'ls', '--format={{.Name}}'],
          ['volume', 'ls', '--quiet'],
          ['images', '--all', '--quiet'],
        ].map((list) => docker(engine, list)),
      );
    const before = await everything();

    const run = runCli(['quickstart', '--on', 'docker'], {
      ...environment(),
      DOCKER_HOST: `unix://${engine.socketPath}`,
    });
    await eventually(
      async () => run.output(),
      (text) => text.includes('called through the balancer'),
      { withinMs: 240_000, what: 'a call answered' },
    );
    expect(await everything()).not.toEqual(before);
    run.child.kill('SIGINT');

    expect(await run.ended, run.output()).toBe(130);
    expect(await everything()).toEqual(before);
  }, 600_000);
});

test('says in one sentence what is missing for an engine', async () => {
  const run = runCli(['quickstart', '--on', 'docker', '--own-engine'], { PATH: '/nowhere' });
  expect(await run.ended).toBe(1);
  expect(run.output()).toContain('there is no Docker engine: none can be started, since');
});
