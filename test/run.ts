/**
 * What `npm test` runs: makes the referees ready, runs all suites that have theirs, and ends with `N passed, N failed`.
 * Arguments go to vitest: `npm test -- cidr` for files with that in their path, `npm test -- -t 'name of a rule'`.
 *
 * On a developer's machine a suite whose referee cannot be had is passed over, and the end says what it lacks. With
 * `CI=true` that is a failure.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Counts, closingLine, countTests, matchedNothing } from './support/counts.ts';
import { prepareEngine } from './support/engine.ts';
import { prepareControlPlane, prepareReferee } from './support/prepare.ts';
import { type Program, prepareProgram } from './support/programs.ts';
import type { Referee } from './support/referees.ts';

const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
const root = join(import.meta.dirname, '..');
const say = (line: string) => console.log(line);

/** A suite without one of `needs` is not run. Without one of `uses` it skips a part of its tests by itself. */
const suites = [
  { name: 'unit', needs: [], uses: [] },
  { name: 'behaviour', needs: [], uses: ['moto'] },
  { name: 'chart', needs: ['control plane', 'helm', 'kubeconform'], uses: ['glua'] },
  { name: 'cli', needs: ['control plane'], uses: ['engine', 'busybox', 'anvil', 'haproxy'] },
  { name: 'docker', needs: ['engine', 'busybox'], uses: ['anvil', 'btcd', 'haproxy'] },
  { name: 'e2e', needs: ['control plane'], uses: ['kstatus', 'engine', 'busybox'] },
] as const satisfies readonly { name: string; needs: readonly Needed[]; uses: readonly Needed[] }[];

type Needed = 'control plane' | 'engine' | Referee | Program;

const env: NodeJS.ProcessEnv = { ...process.env };
const lacking = new Map<Needed, string>();

async function prepare(name: Needed, variable: string): Promise<void> {
  try {
    env[variable] = await make(name);
  } catch (error) {
    lacking.set(name, error instanceof Error ? error.message : String(error));
  }
}

function make(name: Needed): Promise<string> {
  switch (name) {
    case 'control plane':
      return prepareControlPlane(say);
    case 'engine':
      return prepareEngine();
    case 'busybox':
    case 'anvil':
    case 'btcd':
    case 'haproxy':
      return prepareProgram(name, say);
    default:
      return prepareReferee(name, say);
  }
}

async function prepareAll(): Promise<void> {
  // What compiles goes one after the other, it takes all cores; what others have made comes over the network meanwhile.
  const fetched = fetchAll();
  await prepare('control plane', 'PEERAGE_TEST_CONTROL_PLANE');
  await prepare('helm', 'PEERAGE_TEST_HELM');
  await prepare('kubeconform', 'PEERAGE_TEST_KUBECONFORM');
  await prepare('kstatus', 'PEERAGE_TEST_KSTATUS');
  await prepare('glua', 'PEERAGE_TEST_GLUA');
  await prepare('btcd', 'PEERAGE_TEST_BTCD');
  await fetched;
}

async function fetchAll(): Promise<void> {
  await prepare('engine', 'PEERAGE_TEST_DOCKERD');
  await prepare('moto', 'PEERAGE_TEST_MOTO');
  await prepare('busybox', 'PEERAGE_TEST_BUSYBOX');
  await prepare('haproxy', 'PEERAGE_TEST_HAPROXY');
  await prepare('anvil', 'PEERAGE_TEST_ANVIL');
}

async function runVitest(projects: readonly string[], filters: readonly string[]): Promise<Counts> {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-test-'));
  const report = join(dir, 'report.json');
  const args = [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...projects.map((name) => `--project=${name}`),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...filters,
  ];
  try {
    const child = spawn(process.execPath, args, {
      cwd: root,
      // Shared by all that is started, some hundred times the same programs.
      env: { ...env, NODE_COMPILE_CACHE: join(dir, 'compiled') },
      stdio: 'inherit',
    });
    process.once('SIGTERM', () => child.kill('SIGTERM'));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (await matchedNothing(report)) say(`no suite matches ${filters.join(' ')}`);
    return await countTests(report, code === 0);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

await prepareAll();
const runnable = suites.filter(({ needs }) => !needs.some((name) => lacking.has(name)));
const counts = await runVitest(
  runnable.map(({ name }) => name),
  process.argv.slice(2),
);

for (const { name, needs, uses } of suites) {
  for (const missing of needs.filter((need) => lacking.has(need))) {
    say(`${name} did not run, it lacks ${missing}: ${lacking.get(missing)}`);
  }
  // A suite that did not run at all has nothing to skip.
  const ran = !needs.some((need) => lacking.has(need));
  for (const missing of uses.filter((use) => ran && lacking.has(use))) {
    say(`${name} skipped a part, it lacks ${missing}: ${lacking.get(missing)}`);
  }
}
const missingReferees = inCi ? lacking.size : 0;
const total = { ...counts, failed: counts.failed + missingReferees };
if (missingReferees > 0) {
  say(`with CI set, each missing referee counts as a failure: ${[...lacking.keys()].join(', ')}`);
}
say(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
