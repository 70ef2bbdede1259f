import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheDir } from '../../src/sandbox/kubernetes/cache-dir.ts';

/**
 * The programs of others that tests run against, with the version each test was written for. The control plane is not among
 * them: `findControlPlane` knows where it is.
 */
export const versions = { moto: '5.2.5', helm: 'v4.2.4', kubeconform: 'v0.7.0', glua: 'v1.1.1' } as const;

export type Referee = keyof typeof variables;

const variables = {
  moto: 'PEERAGE_TEST_MOTO',
  helm: 'PEERAGE_TEST_HELM',
  kubeconform: 'PEERAGE_TEST_KUBECONFORM',
  kstatus: 'PEERAGE_TEST_KSTATUS',
  glua: 'PEERAGE_TEST_GLUA',
} as const;

export const kstatusSources = join(import.meta.dirname, 'kstatus');

/** Where `npm test` puts the program. A new version or new sources make a new place, so that nothing is ever stale. */
export function cachedReferee(name: Referee): string {
  const root = cacheDir('referees');
  switch (name) {
    case 'moto':
      return join(root, `moto-${versions.moto}`, 'bin', 'moto_server');
    case 'helm':
    case 'kubeconform':
    case 'glua':
      return join(root, `${name}-${versions[name]}`, name);
    case 'kstatus': {
      const hash = createHash('sha256');
      for (const file of ['main.go', 'go.mod', 'go.sum']) {
        hash.update(readFileSync(join(kstatusSources, file)));
      }
      return join(root, `kstatus-${hash.digest('hex').slice(0, 16)}`, 'kstatus');
    }
  }
}

/**
 * The program's path: what its variable (`PEERAGE_TEST_MOTO`, ...) names, else what an earlier `npm test` made; undefined
 * when there is none. For `describe.skipIf(!refereePath('moto'))`: `npm test` says what was skipped for want of what.
 */
export function refereePath(name: Referee): string | undefined {
  const named = process.env[variables[name]];
  if (named) {
    return named;
  }
  const cached = cachedReferee(name);
  return isUsable(name, cached) ? cached : undefined;
}

/** The same for code that runs only where the program is there. */
export function requireReferee(name: Referee): string {
  const path = refereePath(name);
  if (path === undefined) {
    throw new Error(`${name} is missing: \`npm test\` makes it, or name it in ${variables[name]}`);
  }
  return path;
}

function isUsable(name: Referee, path: string): boolean {
  // A virtual environment outlives the Python it points to.
  return existsSync(path) && (name !== 'moto' || existsSync(join(dirname(path), 'python')));
}
