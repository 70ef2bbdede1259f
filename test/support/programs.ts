import {
  anvil,
  type Binary,
  binaryAt,
  busybox,
  findProgram,
  haproxy,
  prepareProgram as prepare,
  type Program as Recipe,
  run,
} from '../../src/sandbox/docker/programs.ts';

/** Compiled from its Go module. */
const btcd: Recipe = {
  name: 'btcd',
  version: 'v0.26.2',
  make: (dir) => {
    const env = { GOBIN: dir, CGO_ENABLED: '0', GOWORK: 'off', GOTOOLCHAIN: 'auto' };
    const module = `github.com/btcsuite/btcd@${btcd.version}`;
    return run('go', ['install', '-trimpath', '-ldflags', '-s -w', module], { ...process.env, ...env });
  },
};

/** What machines of tests run. */
const recipes = { busybox, haproxy, btcd, anvil } as const;
export type Program = keyof typeof recipes;

const variables = {
  busybox: 'PEERAGE_TEST_BUSYBOX',
  haproxy: 'PEERAGE_TEST_HAPROXY',
  btcd: 'PEERAGE_TEST_BTCD',
  anvil: 'PEERAGE_TEST_ANVIL',
} as const satisfies Record<Program, string>;

/**
 * The program's path, to be run as it is: what its variable (`PEERAGE_TEST_HAPROXY`, ...) names, else what is installed, else
 * what an earlier `npm test` made; undefined when there is none. For `describe.skipIf(!programPath('haproxy'))`.
 */
export function programPath(name: Program): string | undefined {
  return process.env[variables[name]] || findProgram(recipes[name]);
}

/** The executable itself, for a copy of it that runs elsewhere. */
export function binaryOf(name: Program): Binary {
  const path = programPath(name);
  if (path === undefined) {
    throw new Error(`${name} is missing: \`npm test\` makes it, or name it in ${variables[name]}`);
  }
  return binaryAt(path);
}

/** Finds the program or makes it, and answers its path. Rejects with what is missing on this machine. */
export async function prepareProgram(name: Program, onProgress: (line: string) => void): Promise<string> {
  return programPath(name) ?? (await prepare(recipes[name], onProgress));
}
