import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

test('ends what it guards and removes the folder when its process is killed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-watchdog-'));
  const program = `
    import { spawn, spawnSync } from 'node:child_process';
    import { startWatchdog } from ${JSON.stringify(join(import.meta.dirname, 'watchdog.ts'))};
    const guarded = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
    startWatchdog(process.argv[1]).guard(guarded.pid);
    console.log(guarded.pid);
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await once(owner.stdout, 'data');
  const guardedPid = Number(printed);
  expect(isRunning(guardedPid)).toBe(true);

  owner.kill('SIGKILL');

  await vi.waitFor(() => expect(isRunning(guardedPid)).toBe(false), { timeout: 5_000 });
  await vi.waitFor(() => expect(existsSync(dir)).toBe(false), { timeout: 5_000 });
});

/** Where nobody collects orphans, an ended process keeps its number as a zombie: only its state tells. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}
