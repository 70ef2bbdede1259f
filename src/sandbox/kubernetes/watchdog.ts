import { spawn } from 'node:child_process';

export interface Watchdog {
  /** Ends this process, too, when ours is gone. */
  guard(pid: number): void;
  /** Lets go without ending anything; call it when all guarded processes have ended. */
  release(): void;
}

/**
 * Ends guarded processes and removes `dir` as soon as this process has died, however it died.
 *
 * A shell waits at the other end of a pipe: the kernel closes our end even after SIGKILL, so that no signal handler is
 * needed (those would also change how the host program reacts to Ctrl-C). It runs in its own process group, or the
 * Ctrl-C that ends us would end it first.
 */
export function startWatchdog(dir: string): Watchdog {
  const script = 'pids=; while read -r pid; do pids="$pids $pid"; done; kill -9 $pids; rm -rf "$1"';
  const shell = spawn('/bin/sh', ['-c', script, 'peerage-watchdog', dir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.unref();
  // A pipe broken by the shell's end is no news to us: we guard nothing then, and lose nothing else.
  shell.stdin.on('error', () => {});
  return {
    guard: (pid) => void shell.stdin.write(`${pid}\n`),
    release: () => void shell.kill('SIGKILL'),
  };
}
