/** What an engine says of a container's health, by what the image has to find out with. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HealthCheck } from '../../src/clouds/cloud.ts';
import { type Image, importImage } from '../../src/sandbox/docker/images.ts';
import { programFiles, systemFiles } from '../../src/sandbox/docker/recipes.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { binaryOf } from '../support/programs.ts';
import { createDockerStage, type DockerStage } from './machines-docker.ts';
import { createTenant, never, type Tenant } from './machines-suite.ts';

const dash = { path: '/bin/dash', libraries: [] };
const bash = { path: '/bin/bash', libraries: [] };

/** Written as some servers do, with spaces and on several lines. */
const ANSWER = '{ "jsonrpc": "2.0",\n  "id": 1,\n  "result": {"synced": true, "peers": ["a/b"]} }\n';
const answered = { synced: true, peers: ['a/b'] };

/** A web server that needs nothing beside itself. */
const server = (): Image['files'] => ({
  '/busybox': { copy: binaryOf('busybox').path },
  '/www/index.html': { text: 'here\n' },
  '/www/answer': { text: ANSWER },
  '/www/cgi-bin/rpc': {
    mode: 0o755,
    text: `#!/bin/sh
read -r asked
case "$asked" in *'"method":"status","params":["\\u00e9"]'*) ;; *) exit 1 ;; esac
printf 'Content-Type: application/json\\r\\n\\r\\n'
while read -r line; do printf '%s\\n' "$line"; done </www/answer
`,
  },
});

/** Alpine's busybox has a time limit for wget. Debian's has none: here it is told, and keeps quiet about it. */
const withWget = async (): Promise<Image['files']> => ({
  ...(await programFiles(dash, '/bin/sh')),
  '/bin/tr': { link: '../busybox' },
  '/bin/grep': { link: '../busybox' },
  '/bin/wget': {
    mode: 0o755,
    text: `#!/bin/sh
case "$1 $2 $3 $4" in
  --help*) echo '[--post-data STR] [-T SEC]' ;;
  '-q -T 4 -O') shift 3; exec /busybox wget -q "$@" ;;
  *) exit 2 ;;
esac
`,
  },
});

const tcp: HealthCheck = { protocol: 'TCP', port: 8080, intervalSeconds: 1 };
const http = (path: string, status: number): HealthCheck => ({ ...tcp, protocol: 'HTTP', path, status });
const call = { path: '/cgi-bin/rpc', method: 'status', params: ['é'] };

interface Case {
  readonly health: HealthCheck;
  readonly is: 'healthy' | 'unhealthy';
  /** Where the server listens. */
  readonly at?: string;
}
type Cases = Readonly<Record<string, Case>>;

const LISTENING: Cases = {
  'a port that listens': { health: tcp, is: 'healthy' },
  'a port that does not': { health: { ...tcp, port: 8081 }, is: 'unhealthy' },
  'a port that listens for its own container alone': { health: tcp, is: 'unhealthy', at: '127.0.0.1:8080' },
};
const ASKING: Cases = {
  'the status expected': { health: http('/', 200), is: 'healthy' },
  'another status': { health: http('/nowhere', 200), is: 'unhealthy' },
  'a bad status that is expected': { health: http('/nowhere', 404), is: 'healthy' },
  'a good status where a bad one is expected': { health: http('/', 404), is: 'unhealthy' },
  'an answer to a call': { health: { ...tcp, call }, is: 'healthy' },
  'the answer expected': { health: { ...tcp, call: { ...call, result: answered } }, is: 'healthy' },
  'another answer': { health: { ...tcp, call: { ...call, result: { synced: false } } }, is: 'unhealthy' },
  'an answer that is none': { health: { ...tcp, call: { ...call, path: '/' } }, is: 'unhealthy' },
};
/** Nobody can ask, so nobody may say that it is bad. */
const NOT_ASKING: Cases = Object.fromEntries(
  Object.entries(ASKING).map(([what, { health }]) => [what, { health, is: 'healthy' }]),
);

const canBeTried = dockerdPath() !== undefined && existsSync(dash.path) && existsSync(bash.path);

describe.skipIf(!canBeTried)('the health of a container, as its engine sees it', () => {
  let stage: DockerStage;
  let tenant: Tenant;

  beforeAll(async () => {
    stage = await createDockerStage();
  });
  afterAll(() => stage.stop());
  beforeEach(async () => {
    tenant = await createTenant(stage);
    return async () => {
      await tenant.machines.remove(await tenant.listed(), never);
      tenant.close();
    };
  });

  const imageWith = (tools: Image['files']) =>
    importImage(
      stage.ground.engine,
      { name: 'health', files: { ...tools, ...server() }, config: ['ENV PATH=/bin'] },
      { repository: 'peerage-test/health' },
    );
  const inspect = (id: string) => stage.ground.hands.getContainer(id).inspect();

  /** What the engine makes of each. */
  async function verdicts(image: string, cases: Cases): Promise<Record<string, string | undefined>> {
    const told = Object.entries(cases).map(async ([what, { health, at = '8080' }]) => {
      const command = ['/busybox', 'httpd', '-f', '-p', at, '-h', '/www'];
      const [id = ''] = await tenant.launch(what, 1, { workload: { image, command, health } });
      const status = await eventually(
        async () => (await inspect(id)).State.Health?.Status,
        (now) => now !== undefined && now !== 'starting',
        { withinMs: 60_000, what: `a verdict on ${what}` },
      );
      return [what, status] as const;
    });
    return Object.fromEntries(await Promise.all(told));
  }
  const expected = (cases: Cases) =>
    Object.fromEntries(Object.entries(cases).map(([what, { is }]) => [what, is]));

  test.each([
    ['wget', () => withWget(), ASKING],
    ['a wget that waits for ever', () => systemFiles(binaryOf('busybox')), NOT_ASKING],
    [
      'bash',
      async () => ({ ...(await programFiles(dash, '/bin/sh')), ...(await programFiles(bash, '/bin/bash')) }),
      ASKING,
    ],
    ['no other tool', () => programFiles(dash, '/bin/sh'), NOT_ASKING],
  ] as const)('is found out with a shell and %s', async (_, tools, asking) => {
    const cases = { ...LISTENING, ...asking };
    expect(await verdicts(await imageWith(await tools()), cases)).toEqual(expected(cases));
    // Whatever it thinks of them, they run.
    expect(new Set((await tenant.machines.list(never)).map(({ state }) => state))).toEqual(
      new Set(['running']),
    );
  });

  test('is not asked for where there is no shell, which would count as bad', async () => {
    const image = await imageWith({});
    const command = ['/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www'];
    for (const name of ['first', 'second']) {
      const [id = ''] = await tenant.launch(name, 1, { workload: { image, command, health: tcp } });
      const { State, Config } = await inspect(id);
      expect([State.Status, State.Health, Config.Healthcheck]).toEqual(['running', undefined, undefined]);
    }
  });
});
