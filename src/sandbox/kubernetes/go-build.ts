import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from './cache-dir.ts';

/** The programs of a control plane. Seconds are those of a cold build on two cores: what a person has to wait. */
const programs = {
  etcd: { package: 'go.etcd.io/etcd/server/v3', seconds: 35 },
  'kube-apiserver': { package: 'k8s.io/kubernetes/cmd/kube-apiserver', seconds: 150 },
  kubectl: { package: 'k8s.io/kubernetes/cmd/kubectl', seconds: 15 },
  'kube-controller-manager': { package: 'k8s.io/kubernetes/cmd/kube-controller-manager', seconds: 40 },
} as const;

export type Program = keyof typeof programs;
export type OnProgress = (line: string) => void;

const module = join(import.meta.dirname, 'controlplane');
const buildFlags = ['-trimpath'];

/** Where the programs land that `buildPrograms` builds. Other sources, versions or flags make another folder. */
export async function builtProgramsDir(): Promise<string> {
  const { goMod, goSum, ldflags } = await recipe();
  const platform = `${process.platform}/${process.arch}`;
  const key = createHash('sha256')
    .update([goMod, goSum, ldflags, ...buildFlags, platform].join('\0'))
    .digest('hex');
  return join(cacheDir('controlplane'), key.slice(0, 16));
}

export async function missingPrograms(dir: string, wanted: readonly Program[]): Promise<Program[]> {
  const present = await Promise.all(
    wanted.map((name) =>
      access(join(dir, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return wanted.filter((_, i) => !present[i]);
}

/**
 * Builds the Kubernetes and etcd programs that are not in the cache yet, from Go modules alone, and answers their folder.
 *
 * Each program is built beside the cache and renamed into it: one that is there is whole, an interrupted build goes on with
 * the next program, and two builds at once only waste time. Rejects when Go is missing or too old, saying what to install.
 */
export async function buildPrograms(wanted: readonly Program[], onProgress: OnProgress): Promise<string> {
  const dir = await builtProgramsDir();
  const missing = await missingPrograms(dir, wanted);
  if (missing.length === 0) {
    return dir;
  }
  const env = {
    ...process.env,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=readonly',
    GOWORK: 'off',
    GOTOOLCHAIN: 'auto',
  };
  await requireGo(env);
  const { version, ldflags } = await recipe();
  await mkdir(dir, { recursive: true });
  const staging = await mkdtemp(join(dir, '.building-'));
  try {
    for (const [i, name] of missing.entries()) {
      const about = programs[name];
      const of = name === 'etcd' ? '' : ` ${version}`;
      onProgress(`building ${name}${of} (${i + 1} of ${missing.length}, about ${about.seconds} s)`);
      const output = join(staging, name);
      await run('go', ['build', ...buildFlags, '-ldflags', ldflags, '-o', output, about.package], env);
      await rename(output, join(dir, name));
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return dir;
}

async function recipe() {
  const goMod = await readFile(join(module, 'go.mod'), 'utf8');
  const goSum = await readFile(join(module, 'go.sum'), 'utf8');
  const version = /^\s*(?:require )?k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)\b/m.exec(goMod);
  if (!version) {
    throw new Error(`${module}/go.mod requires no version of k8s.io/kubernetes`);
  }
  const [, full = '', major = '', minor = ''] = version;
  // Without these the server calls itself v0.0.0, and a chart's `kubeVersion` refuses it.
  const set = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  const ldflags = ['-s', '-w', set('gitVersion', full), set('gitMajor', major), set('gitMinor', minor)].join(
    ' ',
  );
  return { goMod, goSum, version: full, ldflags };
}

/** Go 1.21 and newer fetch the toolchain that go.mod names by themselves; older ones do not even understand the file. */
async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const remedy =
    'install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl';
  try {
    await promisify(execFile)('go', ['version'], { cwd: module, env });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error(`building the control plane needs Go, which was not found: ${remedy}`);
    }
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(`building the control plane needs a newer Go (${said}): ${remedy}`, { cause: error });
  }
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(command, args, { cwd: module, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-8192);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    throw new Error(`${command} ${args.at(0)} of ${args.at(-1)} failed:\n${stderr}`);
  }
}
