import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from '../../src/sandbox/kubernetes/cache-dir.ts';

/**
 * What machines of tests run. `busybox` and `haproxy` are Debian's, in the version of this machine's release; `btcd` is
 * compiled from its Go module, `anvil` comes from npm.
 */
export type Program = keyof typeof variables;

const variables = {
  busybox: 'PEERAGE_TEST_BUSYBOX',
  haproxy: 'PEERAGE_TEST_HAPROXY',
  btcd: 'PEERAGE_TEST_BTCD',
  anvil: 'PEERAGE_TEST_ANVIL',
} as const;

const versions = { btcd: 'v0.26.2', anvil: '1.7.1' } as const;

/** How npm and Debian's packages call this machine's architecture, and what files are named after. */
const platform = process.arch === 'x64' ? 'amd64' : process.arch;

export interface Binary {
  readonly path: string;
  /** Where its libraries are, beside the usual places. */
  readonly libraries: readonly string[];
}

/**
 * The program's path, to be run as it is: what its variable (`PEERAGE_TEST_HAPROXY`, ...) names, else what is installed, else
 * what an earlier `npm test` made; undefined when there is none. For `describe.skipIf(!programPath('haproxy'))`.
 */
export function programPath(name: Program): string | undefined {
  const places = [
    ...(name === 'haproxy' ? ['/usr/local/sbin/haproxy', '/usr/sbin/haproxy'] : []),
    cached(name),
  ];
  return process.env[variables[name]] || places.find((path) => existsSync(path));
}

/** The same for code that runs only where the program is there. */
export function requireProgram(name: Program): string {
  const path = programPath(name);
  if (path === undefined) {
    throw new Error(`${name} is missing: \`npm test\` makes it, or name it in ${variables[name]}`);
  }
  return path;
}

/** The executable itself, for a copy of it that runs elsewhere. */
export function binaryOf(name: Program): Binary {
  const path = requireProgram(name);
  const root = join(dirname(path), 'root');
  // Beside what came in packages lies what was in them; the path is that of a script which tells where the libraries are.
  return existsSync(root)
    ? { path: unpacked(name, root), libraries: libraryDirs(root) }
    : { path, libraries: [] };
}

/** Finds the program or makes it, and answers its path. Rejects with what is missing on this machine. */
export async function prepareProgram(name: Program, onProgress: (line: string) => void): Promise<string> {
  const found = programPath(name);
  if (found !== undefined) return found;
  const path = cached(name);
  onProgress(`making ${name}`);
  await mkdir(dirname(dirname(path)), { recursive: true });
  // Whole or not at all: it is made under another name and then renamed.
  const staging = await mkdtemp(`${dirname(path)}.making-`);
  try {
    await make(name, staging);
    await rm(dirname(path), { recursive: true, force: true });
    await rename(staging, dirname(path));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return path;
}

function cached(name: Program): string {
  const version = name === 'btcd' || name === 'anvil' ? versions[name] : debianRelease();
  return join(cacheDir('referees'), `${name}-${version}`, name);
}

async function make(name: Program, dir: string): Promise<void> {
  switch (name) {
    case 'btcd': {
      const env = { GOBIN: dir, CGO_ENABLED: '0', GOWORK: 'off', GOTOOLCHAIN: 'auto' };
      const module = `github.com/btcsuite/btcd@${versions.btcd}`;
      return run('go', ['install', '-trimpath', '-ldflags', '-s -w', module], { ...process.env, ...env });
    }
    case 'anvil': {
      // `@foundry-rs/anvil` itself is a script that starts the one binary of these that fits.
      const binary = `@foundry-rs/anvil-linux-${platform}`;
      await run('npm', ['install', '--prefix', dir, '--ignore-scripts', `${binary}@${versions.anvil}`]);
      return rename(join(dir, 'node_modules', binary, 'bin', name), join(dir, name));
    }
    case 'busybox':
      return unpack(name, ['busybox-static'], dir);
    case 'haproxy':
      return unpack(name, ['haproxy'], dir);
  }
}

/**
 * Unpacks packages, and those they need that are not installed, into a folder. Nothing is installed, no service starts, no
 * root is needed: apt works on lists and a cache of its own, and knows of the machine only what is installed.
 */
async function unpack(name: Program, packages: readonly string[], dir: string): Promise<void> {
  const root = join(dir, 'root');
  const apt = join(dir, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'archives', 'partial'), { recursive: true });
  const own = [
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${apt}`,
    `Dir::Cache::archives=${join(apt, 'archives')}`,
    'Debug::NoLocking=true',
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...own, 'update', '-q']);
  const fetch = ['install', '-qy', '--reinstall', '--download-only', '--no-install-recommends', ...packages];
  await run('apt-get', [...own, ...fetch]);
  for (const file of await readdir(join(apt, 'archives'))) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(apt, 'archives', file), root]);
  }
  await rm(apt, { recursive: true });
  const here = (path: string) => path.replace(root, '$here/root');
  const libraries = libraryDirs(root).map(here).join(':');
  const script = [
    '#!/bin/sh',
    'here=$(dirname "$(readlink -f "$0")")',
    `LD_LIBRARY_PATH=${libraries} exec "${here(unpacked(name, root))}" "$@"`,
  ];
  await writeFile(join(dir, name), `${script.join('\n')}\n`, { mode: 0o755 });
}

function unpacked(name: Program, root: string): string {
  const path = ['usr/sbin', 'usr/bin', 'bin'].map((dir) => join(root, dir, name)).find(existsSync);
  if (path === undefined) throw new Error(`${root} holds no ${name}`);
  return path;
}

function libraryDirs(root: string): readonly string[] {
  const dirs = ['lib', 'usr/lib'].map((dir) => join(root, dir)).filter(existsSync);
  return dirs.flatMap((dir) =>
    readdirSync(dir)
      .filter(isTriplet)
      .map((triplet) => join(dir, triplet)),
  );
}

function isTriplet(name: string): boolean {
  return name.includes('-linux-gnu');
}

function debianRelease(): string {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1] ?? 'unknown';
}

async function run(command: string, args: readonly string[], env = process.env): Promise<void> {
  try {
    await promisify(execFile)(command, args, { env, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') throw new Error(`${command} is not installed`);
    const said = 'stderr' in error ? String(error.stderr).trim().slice(-4096) : '';
    throw new Error(`${command} ${args.find((arg) => /^[a-z]/.test(arg))} failed: ${said}`, { cause: error });
  }
}
