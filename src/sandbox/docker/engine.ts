import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { askEngine } from './engine-api.ts';

export interface EngineOptions {
  /** Path of the program. Default: the one that is installed. */
  readonly dockerd?: string | undefined;
  /** Further arguments for dockerd, such as a second `--host` with its certificates. */
  readonly args?: readonly string[];
  /** What dockerd is told beside a path and its folders, such as a proxy. Default: nothing. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A real Docker engine of our own, empty, beside whatever engine its user runs. It needs root. */
export interface Engine {
  readonly socketPath: string;
  /** All its containers' addresses, unless a test names others: `10.192.0.0/16`. It can be reached from this machine. */
  readonly range: string;
  /** All that dockerd wrote. */
  log(): Promise<string>;
  /** SIGKILL for dockerd alone: containers go on, nobody answers until `restart`. */
  kill(): Promise<void>;
  /** Ends dockerd in its own way, which stops its containers, if it still runs; then starts it on the same socket and data. */
  restart(): Promise<void>;
  /** Ends it with all its containers at once, and takes away its networks, volumes and files. May be called twice. */
  stop(): Promise<void>;
}

const script = join(import.meta.dirname, 'engine.sh');
const readyWithinMs = 60_000;
const readyPollMs = 50;

/** First two octets of ranges that hardly anybody uses. Each engine takes one that is free, so many can run at once. */
const nets = [...Array.from({ length: 32 }, (_, i) => `10.${192 + i}`), '198.18', '198.19'];

/**
 * Starts an engine in about a second. It dies with this process.
 *
 * It writes no packet filter and forwards nothing, so that it cannot disturb this machine or another engine: a container
 * reaches its neighbours and this machine, and is reached by its address and its published ports, but not the world.
 */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const missing = whyNoEngine(options.dockerd);
  const dockerd = options.dockerd ?? find('dockerd');
  if (missing !== undefined || dockerd === undefined)
    throw new Error(`no engine can be started here: ${missing}`);
  let why = '';
  for (const net of nets) {
    const started = await startIn(net, dockerd, options);
    if ('engine' in started) return started.engine;
    why = started.why;
  }
  throw new Error(`no free range of addresses for an engine${why && `: ${why}`}`);
}

/** What is missing to start one here; undefined when nothing is. */
export function whyNoEngine(dockerd: string | undefined = find('dockerd')): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'only root may start a Docker engine';
  if (dockerd === undefined) return 'dockerd is not installed (Debian: docker.io)';
  const missing = ['ip', 'unshare'].find((tool) => find(tool) === undefined);
  return missing === undefined ? undefined : `it needs the program ${missing}`;
}

/** What starts engines lies in folders that not every PATH names. */
const searched = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Path of an installed program. */
export function find(program: string): string | undefined {
  return searched.map((dir) => join(dir, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function startIn(net: string, dockerd: string, { args = [], env = {} }: EngineOptions) {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-engine-'));
  const name = `peerage-${net.replace('.', '-')}`;
  const socketPath = join(dir, 'engine.sock');
  const logPath = join(dir, 'log');
  const shell = spawn(
    '/bin/sh',
    [script, dir, name, net, dockerd, ...engineArgs(dir, name, net), `--host=unix://${socketPath}`, ...args],
    {
      // Nothing of the user's environment gets in by itself.
      env: { ...env, PATH: searched.join(delimiter), HOME: dir, TMPDIR: dir },
      stdio: ['pipe', 'pipe', 'pipe'],
      // In a group of its own: Ctrl-C goes to us alone.
      detached: true,
    },
  );
  const { gone, complaint } = watch(shell);
  const log = () => readFile(logPath, 'utf8').catch(() => '');

  let ended: Promise<void> | undefined;
  const start = async () => {
    const lines = createInterface(shell.stdout);
    let over = false;
    ended = new Promise<void>((resolve) => {
      lines.once('line', () => resolve());
      lines.once('close', () => resolve());
    }).then(() => {
      over = true;
      lines.close();
    });
    shell.stdin.write('start\n');
    const deadline = Date.now() + readyWithinMs;
    while (!(await answers(socketPath))) {
      if (over || Date.now() > deadline) {
        throw new Error(
          `dockerd ${over ? 'ended before it was' : 'is not'} ready\n${lastLines(await log())}`,
        );
      }
      await delay(readyPollMs);
    }
  };
  const end = async (how: 'stop' | 'kill') => {
    shell.stdin.write(`${how}\n`);
    await ended;
    ended = undefined;
  };
  const stop = async () => {
    shell.stdin.end();
    await gone;
  };

  try {
    await start();
  } catch (error) {
    await stop();
    if ((await gone) === 3) return { why: complaint() };
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`starting an engine failed: ${[why, complaint()].join('\n').trim()}`);
  }
  const engine: Engine = {
    socketPath,
    range: `${net}.0.0/16`,
    log,
    kill: async () => {
      if (ended !== undefined) await end('kill');
    },
    restart: async () => {
      if (ended !== undefined) await end('stop');
      await start();
    },
    stop,
  };
  return { engine };
}

function engineArgs(dir: string, name: string, net: string): string[] {
  return [
    `--data-root=${join(dir, 'data')}`,
    `--exec-root=${join(dir, 'exec')}`,
    `--pidfile=${join(dir, 'pid')}`,
    `--bridge=${name}`,
    `--default-address-pool=base=${net}.128.0/17,size=24`,
    `--cgroup-parent=/${name}`,
    // The other driver asks systemd, which knows our processes by other numbers.
    '--exec-opt=native.cgroupdriver=cgroupfs',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
  ];
}

function watch(shell: ChildProcessByStdio<Writable, Readable, Readable>) {
  let complaint = '';
  shell.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint = (complaint + chunk).slice(-4096);
  });
  // What we write when it is gone is lost, and that is all.
  shell.stdin.on('error', () => {});
  const gone = new Promise<number | null>((resolve) => {
    shell.once('error', (error) => {
      complaint += error.message;
      resolve(null);
    });
    shell.once('close', resolve);
  });
  return { gone, complaint: () => complaint.trim() };
}

async function answers(socketPath: string): Promise<boolean> {
  try {
    return (await askEngine(socketPath, { path: '/_ping', withinMs: 5_000 })).status === 200;
  } catch {
    return false;
  }
}

function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
