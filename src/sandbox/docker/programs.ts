import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from '../kubernetes/cache-dir.ts';

/** Something that runs in a container of ours, and how to come by it where there is no registry of images. */
export interface Program {
  readonly name: string;
  readonly version: string;
  /** Where it is when it is installed. */
  readonly installedAt?: readonly string[];
  /** Puts it into an empty folder, under its name. */
  readonly make: (dir: string) => Promise<void>;
}

export interface Binary {
  readonly path: string;
  /** Where its libraries are, beside the usual places. */
  readonly libraries: readonly string[];
}

/** How npm calls this machine's architecture. */
const platform = process.arch === 'x64' ? 'amd64' : process.arch;

/** An Ethereum node for development, from npm. */
export const anvil: Program = {
  name: 'anvil',
  version: '1.7.1',
  make: async (dir) => {
    // `@foundry-rs/anvil` itself is a script that starts the one binary of these that fits.
    const binary = `@foundry-rs/anvil-linux-${platform}`;
    await run('npm', ['install', '--prefix', dir, '--ignore-scripts', `${binary}@${anvil.version}`]);
    await rename(join(dir, 'node_modules', binary, 'bin', 'anvil'), join(dir, 'anvil'));
  },
};

/** Debian's, in the version of this machine's release. */
export const haproxy: Program = {
  name: 'haproxy',
  version: debianRelease(),
  installedAt: ['/usr/local/sbin/haproxy', '/usr/sbin/haproxy'],
  make: (dir) => unpack('haproxy', ['haproxy'], dir),
};

export const busybox: Program = {
  name: 'busybox',
  version: debianRelease(),
  make: (dir) => unpack('busybox', ['busybox-static'], dir),
};

/** Its path, to be run as it is: what is installed, else what was made earlier; undefined when there is none. */
export function findProgram(program: Program): string | undefined {
  return [...(program.installedAt ?? []), cached(program)].find((path) => existsSync(path));
}

/** Finds the program or makes it, and answers its path. Rejects with what is missing on this machine. */
export async function prepareProgram(program: Program, onProgress: (line: string) => void): Promise<string> {
  const found = findProgram(program);
  if (found !== undefined) return found;
  const path = cached(program);
  onProgress(`making ${program.name}`);
  await mkdir(dirname(dirname(path)), { recursive: true });
  // Whole or not at all: it is made under another name and then renamed.
  const staging = await mkdtemp(`${dirname(path)}.making-`);
  try {
    await program.make(staging);
    await rm(dirname(path), { recursive: true, force: true });
    await rename(staging, dirname(path));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return path;
}

/** The executable behind the path of a program, for a copy of it that runs elsewhere. */
export function binaryAt(path: string): Binary {
  const root = join(dirname(path), 'root');
  // Beside what came in packages lies what was in them; the path is that of a script which tells where the libraries are.
  return existsSync(root)
    ? { path: unpacked(basename(path), root), libraries: libraryDirs(root) }
    : { path, libraries: [] };
}

function cached({ name, version }: Program): string {
  return join(cacheDir('programs'), `${name}-${version}`, name);
}

/**
 * Unpacks packages, and those they need that are not installed, into a folder. Nothing is installed, no service starts, no
 * root is needed: apt works on lists and a cache of its own, and knows of the machine only what is installed.
 */
async function unpack(name: string, packages: readonly string[], dir: string): Promise<void> {
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

function unpacked(name: string, root: string): string {
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

/** Runs a command to its end. Rejects with what it wrote when it fails. */
export async function run(command: string, args: readonly string[], env = process.env): Promise<void> {
  try {
    await promisify(execFile)(command, args, { env, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') throw new Error(`${command} is not installed`);
    const said = 'stderr' in error ? String(error.stderr).trim().slice(-4096) : '';
    throw new Error(`${command} ${args.find((arg) => /^[a-z]/.test(arg))} failed: ${said}`, { cause: error });
  }
}
