import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServerProcessOptions {
  /** How messages call it: `kube-apiserver`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Asked again and again until it answers true. A throw counts as "not yet". */
  readonly isReady: () => Promise<boolean>;
  readonly readyWithinMs?: number;
  /** How long it may take to end by itself before SIGKILL. Default 5,000. */
  readonly stopWithinMs?: number;
  /** Called with the process id as soon as there is one. */
  readonly onSpawn?: (pid: number) => void;
  /** Called with all that it prints, piece by piece. */
  readonly onOutput?: (chunk: string) => void;
}

export interface ServerProcess {
  readonly pid: number;
  /** The end of what it printed (both streams), at most 64 KiB. */
  output(): string;
  readonly exited: Promise<void>;
  /** Ends it and waits until it is gone. The default signal lets it end in its own way, SIGKILL follows. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const outputLimit = 64 * 1024;
const readyPollMs = 100;

/** Starts a server and resolves when it is ready. When it ends or stays unready, rejects with what it printed. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const child = spawn(options.command, options.args, {
    env: options.env,
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own: Ctrl-C goes to us alone, and we end it when we no longer need it.
    detached: true,
  });
  let output = '';
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-outputLimit);
    options.onOutput?.(chunk);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);

  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended ??= error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      ended ??= signal ? `ended by ${signal}` : `ended with code ${code}`;
      resolve();
    });
  });
  const { pid } = child;
  if (pid === undefined) {
    await exited;
    throw new Error(`starting ${options.name}: ${ended}`);
  }
  options.onSpawn?.(pid);

  const { stopWithinMs = 5_000 } = options;
  const deadline = Date.now() + (options.readyWithinMs ?? 60_000);
  // Asked in this order, an answer of somebody else's server on the same port does not pass for ours.
  while (!(await options.isReady().catch(() => false)) || ended !== undefined) {
    if (ended !== undefined) {
      throw new Error(`${options.name} ${ended} before it was ready:\n${lastLines(output)}`);
    }
    if (Date.now() > deadline) {
      await stop(child, exited, 'SIGKILL', stopWithinMs);
      throw new Error(`${options.name} was not ready in time:\n${lastLines(output)}`);
    }
    await delay(readyPollMs);
  }
  return {
    pid,
    output: () => output,
    exited,
    stop: (signal = 'SIGTERM') => stop(child, exited, signal, stopWithinMs),
  };
}

async function stop(
  child: ChildProcess,
  exited: Promise<void>,
  signal: NodeJS.Signals,
  forceAfterMs: number,
) {
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), forceAfterMs);
  await exited;
  clearTimeout(force);
}

function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
