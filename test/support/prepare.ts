import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findControllerManager, findControlPlane } from '../../src/sandbox/kubernetes/find.ts';
import { cachedReferee, kstatusSources, type Referee, refereePath, versions } from './referees.ts';

/** moto leaves the versions of its web server open; these are the ones it was tried with. */
const motoPackages = [`moto[server]==${versions.moto}`, 'Flask==3.1.3', 'Werkzeug==3.1.9'];

export type OnProgress = (line: string) => void;

/** Finds or makes the programs of a control plane with controller manager, and answers their folder. */
export async function prepareControlPlane(onProgress: OnProgress): Promise<string> {
  const { dir } = await findControlPlane({ onProgress });
  await findControllerManager(dir, onProgress);
  return dir;
}

/** Finds the program or makes it, and answers its path. Rejects with what is missing on this machine. */
export async function prepareReferee(name: Referee, onProgress: OnProgress): Promise<string> {
  const found = refereePath(name);
  if (found !== undefined) {
    return found;
  }
  const path = cachedReferee(name);
  onProgress(`making ${basename(dirname(path).replace(/\/bin$/, ''))}`);
  await make(name, path);
  return path;
}

function make(name: Referee, path: string): Promise<void> {
  switch (name) {
    case 'moto':
      return makeVirtualEnvironment(dirname(dirname(path)), motoPackages);
    case 'helm':
      return goInstall(path, `helm.sh/helm/v4/cmd/helm@${versions.helm}`);
    case 'kubeconform':
      return goInstall(path, `github.com/yannh/kubeconform/cmd/kubeconform@${versions.kubeconform}`);
    case 'glua':
      return goInstall(path, `github.com/yuin/gopher-lua/cmd/glua@${versions.glua}`);
    case 'kstatus':
      return inStaging(dirname(path), (staging) =>
        go(['build', '-trimpath', '-o', join(staging, basename(path)), '.'], {}, kstatusSources),
      );
  }
}

function goInstall(path: string, module: string): Promise<void> {
  return inStaging(dirname(path), (staging) =>
    go(['install', '-trimpath', '-ldflags', '-s -w', module], { GOBIN: staging }, staging),
  );
}

/** Makes a folder whole or not at all: it is filled under another name and then renamed. */
async function inStaging(dir: string, fill: (staging: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(dir), { recursive: true });
  const staging = await mkdtemp(`${dir}.making-`);
  try {
    await fill(staging);
    await rm(dir, { recursive: true, force: true });
    await rename(staging, dir);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** A virtual environment knows its own path and cannot be moved, so a link is what appears when it is whole. */
async function makeVirtualEnvironment(link: string, packages: readonly string[]): Promise<void> {
  await mkdir(dirname(link), { recursive: true });
  const dir = await mkdtemp(`${link}.at-`);
  try {
    await run('python3', ['-m', 'venv', dir], process.env).catch((error: unknown) => {
      throw new Error('it needs Python 3.10 or newer with venv (Debian: python3-venv)', { cause: error });
    });
    await run(join(dir, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...packages], process.env);
    await symlink(dir, `${dir}.link`);
    await rm(link, { force: true });
    await rename(`${dir}.link`, link);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function go(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  const settings = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off', GOTOOLCHAIN: 'auto' };
  return run('go', args, { ...process.env, ...settings, ...env }, cwd);
}

async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<void> {
  const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-4096);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT';
      reject(missing ? new Error(`${command} is not installed`) : error);
    });
    child.once('close', resolve);
  });
  if (code !== 0) {
    throw new Error(`${command} ${args.slice(0, 2).join(' ')} failed: ${stderr.trim()}`);
  }
}
