import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { CloudError, ROW, type Workload } from '../cloud.ts';
import { quote, quoteRow } from './shell.ts';
import { script, userData } from './userdata.ts';

const run = promisify(execFile);
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const plain: Workload = {
  image: 'example.org/node:1',
  env: [],
  secrets: [],
  files: [],
  secretFiles: [],
  pullPolicy: 'IfNotPresent',
  ports: [],
};
const threeRows = [4, 7, 9].map((index) => ({ name: `net-east-row${index}`, index }));

/** What a shell, a here-document or an environment file might not leave alone. */
const awkward = [
  'plain',
  '',
  ' spaces  around ',
  'a=b=c',
  `it's "quoted" and \\ escaped \\n`,
  '$HOME $(reboot) `reboot` %h %%',
  'two\nlines\n\n',
  'line end\r\n',
  'END\nEND_\nafter the end',
  '#comment',
  '!history * ? [a-z] ~ {a,b} <in >out | & ;',
  'ünïcödé 漢字 🚀',
  '\t\u0001\u007f',
];

describe('what a machine boots with', () => {
  test('installs a runtime where there is none, and starts the workload as a unit', async () => {
    const machine = await boot(script(plain, threeRows), { launchIndex: 0, installer: 'dnf' });
    expect(machine.calls).toEqual([
      'dnf install -y docker',
      'systemctl daemon-reload',
      'systemctl enable docker peerage',
      'systemctl start docker',
      'systemctl start --no-block peerage',
    ]);
    expect(machine.unit).toMatch(/^ExecStart=.*\/run$/m);
    expect(machine.unit).toMatch(/^Restart=always$/m);
  });

  test('installs with apt where there is no dnf', async () => {
    const machine = await boot(script(plain, threeRows), { launchIndex: 0, installer: 'apt-get' });
    expect(machine.calls.slice(0, 2)).toEqual(['apt-get update', 'apt-get install -y docker.io curl']);
  });

  test('leaves a runtime alone that the image brought', async () => {
    const machine = await boot(script(plain, threeRows), { launchIndex: 0 });
    expect(machine.calls[0]).toBe('systemctl daemon-reload');
  });

  test.each([0, 1, 2])('the machine launched as number %i takes that row', async (launchIndex) => {
    const machine = await boot(script(plain, threeRows), { launchIndex });
    const row = threeRows[launchIndex];
    const args = await machine.start();
    expect(args).toContain(`PEERAGE_NODE=${row?.name}`);
    expect(args).toContain(`PEERAGE_INDEX=${row?.index}`);
  });

  test('a launch index without a row fails the boot instead of running as somebody else', async () => {
    await expect(boot(script(plain, threeRows), { launchIndex: 3 })).rejects.toThrow(
      'no row for launch index 3',
    );
  });

  test('asks the metadata service with a session token', async () => {
    const machine = await boot(script(plain, threeRows), { launchIndex: 1 });
    expect(machine.asked).toEqual(['PUT /latest/api/token', 'GET /latest/meta-data/ami-launch-index']);
  });

  test.each(awkward)('carries the value %j into the workload unchanged', async (value) => {
    const secret = { name: 'SECRET', value: { reveal: () => value } };
    const workload = { ...plain, env: [{ name: 'my.odd-NAME_1', value }], secrets: [secret], args: [value] };
    const args = await (await boot(script(workload, threeRows), { launchIndex: 0 })).start();
    expect(args).toContain(`my.odd-NAME_1=${value}`);
    expect(args).toContain(`SECRET=${value}`);
    expect(args.at(-1)).toBe(value);
  });

  test.each([0, 1, 2])(
    'the machine launched as number %i puts its row where the placeholders stand',
    async (launchIndex) => {
      const text = `it's <${ROW.name}> $node ${ROW.index}${ROW.name}`;
      const secret = { reveal: () => text };
      const workload: Workload = {
        ...plain,
        command: [text, text],
        args: [ROW.index],
        env: [{ name: 'A', value: text }],
        secrets: [{ name: 'B', value: secret }],
        files: [{ path: '/a', content: text }],
        secretFiles: [{ path: '/b', content: secret }],
      };
      const machine = await boot(script(workload, threeRows), { launchIndex });
      const args = await machine.start();
      const row = threeRows[launchIndex];
      const expected = `it's <${row?.name}> $node ${row?.index}${row?.name}`;
      expect(args).toContain(`A=${expected}`);
      expect(args).toContain(`B=${expected}`);
      expect(args[args.indexOf('--entrypoint') + 1]).toBe(expected);
      expect(args.slice(-2)).toEqual([expected, String(row?.index)]);
      expect(await machine.mounted('/a')).toBe(expected);
      expect(await machine.mounted('/b')).toBe(expected);
    },
  );

  test.each(awkward)('puts a file of just %j into the workload', async (content) => {
    const secretFiles = [{ path: '/etc/secret', content: { reveal: () => content } }];
    const workload = { ...plain, files: [{ path: '/etc/plain', content }], secretFiles };
    const machine = await boot(script(workload, threeRows), { launchIndex: 0 });
    await machine.start();
    expect(await machine.mounted('/etc/plain')).toBe(content);
    expect(await machine.mounted('/etc/secret')).toBe(content);
  });

  test.each(['/a b', `/it's`, '/a,b', '/a"b', '/$HOME'])('mounts a file at %j', async (path) => {
    const workload = { ...plain, files: [{ path, content: 'x' }] };
    const machine = await boot(script(workload, threeRows), { launchIndex: 0 });
    await machine.start();
    expect(await machine.mounted(path)).toBe('x');
  });

  test('files are read-only in the workload, and only root finds them on the machine', async () => {
    const workload = { ...plain, files: [{ path: '/a', content: 'x' }] };
    const machine = await boot(script(workload, threeRows), { launchIndex: 0 });
    const args = await machine.start();
    expect(args[args.indexOf('--mount') + 1]).toMatch(/,readonly$/);
    expect((await stat(join(machine.dir, 'files'))).mode & 0o077).toBe(0);
    expect((await stat(join(machine.dir, 'files', '0'))).mode & 0o777).toBe(0o444);
  });

  test.each([
    ['IfNotPresent', []],
    ['Always', ['--pull', 'always']],
    ['Never', ['--pull', 'never']],
  ] as const)('fetches the image as the policy %s says', async (pullPolicy, expected) => {
    const machine = await boot(script({ ...plain, pullPolicy }, threeRows), { launchIndex: 0 });
    const args = await machine.start();
    const at = args.indexOf('--pull');
    expect(at < 0 ? [] : args.slice(at, at + 2)).toEqual(expected);
  });

  test('logs in at registries with the text it was given, which only root can read', async () => {
    const text = `{"auths":{"registry.example.org":{"auth":"it's $x"}}}`;
    const workload = { ...plain, registryLogins: { reveal: () => text } };
    const machine = await boot(script(workload, threeRows), { launchIndex: 0 });
    const args = await machine.start();
    expect(args.slice(0, 3)).toEqual(['--config', join(machine.dir, 'docker'), 'run']);
    const file = join(machine.dir, 'docker', 'config.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(text));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(machine.dir, 'docker'))).mode & 0o077).toBe(0);
  });

  test('is the same text as ever for who asks for none of this', () => {
    expect(script(plain, threeRows)).not.toMatch(/files|config|mount|pull/);
  });

  test('command replaces the entrypoint, args follow it, and limits are in the words of Docker', async () => {
    const workload = {
      ...plain,
      command: ['anvil', '--host', '0.0.0.0'],
      args: ['--port', '1'],
      resources: { cpu: '1500m', memory: '512Mi' },
    };
    const args = await (await boot(script(workload, threeRows), { launchIndex: 0 })).start();
    expect(args.slice(args.indexOf('--cpus'))).toEqual([
      '--cpus',
      '1.5',
      '--memory',
      '536870912',
      '--entrypoint',
      'anvil',
      'example.org/node:1',
      '--host',
      '0.0.0.0',
      '--port',
      '1',
    ]);
  });

  test('waits for a metadata service that is not there yet', async () => {
    const machine = await boot(script(plain, threeRows), { launchIndex: 2, metadataFails: 2 });
    expect(machine.calls.slice(0, 2)).toEqual(['sleep 10', 'sleep 10']);
    expect(await machine.start()).toContain('PEERAGE_NODE=net-east-row9');
  });

  test('own lines run before anything is installed, in a shell of their own', async () => {
    const workload = { ...plain, init: 'recorded init; cd /; set -- x; tries=99; exit 0' };
    const machine = await boot(script(workload, threeRows), { launchIndex: 0, installer: 'dnf' });
    expect(machine.calls.slice(0, 2)).toEqual(['recorded init', 'dnf install -y docker']);
  });

  test('when own lines fail, the workload does not start', async () => {
    const workload = { ...plain, init: 'false\nrecorded after' };
    await expect(boot(script(workload, threeRows), { launchIndex: 0 })).rejects.toThrow();
  });

  test('only root can read what the values of Secrets are written to', async () => {
    const machine = await boot(script(plain, threeRows), { launchIndex: 0 });
    expect((await stat(machine.dir)).mode & 0o077).toBe(0);
  });
});

describe('the size of user data', () => {
  /** Text that nothing can compress, the same each time. */
  const noise = (bytes: number) => createHash('shake256', { outputLength: bytes }).digest('base64');

  test('stays plain text while that fits', () => {
    expect(userData(plain, threeRows).toString()).toBe(script(plain, threeRows));
  });

  test('is compressed when only that fits, to the same bytes each time', () => {
    const workload = { ...plain, env: [{ name: 'LONG', value: 'abc'.repeat(6000) }] };
    const packed = userData(workload, threeRows);
    expect(packed.length).toBeLessThan(16_384);
    expect(gunzipSync(packed).toString()).toBe(script(workload, threeRows));
    // No time (bytes 4 to 7) and no system (byte 9) in the header.
    expect([...packed.subarray(4, 8), packed[9]]).toEqual([0, 0, 0, 0, 255]);
    expect(userData(workload, threeRows)).toEqual(packed);
  });

  test('a hundred machines with long names fit', () => {
    const suffixes = noise(500);
    const rows = Array.from({ length: 100 }, (_, index) => ({
      name: `${'n'.repeat(57)}-${suffixes.slice(index * 5, index * 5 + 5)}`,
      index,
    }));
    expect(userData(plain, rows).length).toBeLessThan(16_384);
  });

  test('what does not fit even so is refused with its size', () => {
    const workload = { ...plain, env: [{ name: 'LONG', value: noise(20_000) }] };
    const error = refusalOf(() => userData(workload, threeRows));
    expect(error).toMatchObject({ code: 'invalid', outcome: 'none', reason: 'UserDataTooLarge' });
    expect(error.message).toMatch(/for 3 machines has \d{5} bytes, \d{5} compressed; EC2 takes 16384$/);
  });

  test('a value that no process could be given is refused', () => {
    const workload = { ...plain, env: [{ name: 'NUL', value: 'a\0b' }] };
    expect(refusalOf(() => userData(workload, threeRows)).reason).toBe('NulByte');
  });

  test.each(['x', '1.5.2', '-1', '0', '10Q'])('the quantity %j is refused', (cpu) => {
    expect(refusalOf(() => script({ ...plain, resources: { cpu } }, threeRows)).reason).toBe(
      'InvalidQuantity',
    );
  });
});

function refusalOf(act: () => unknown): CloudError {
  try {
    act();
  } catch (error) {
    if (error instanceof CloudError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

interface Booted {
  readonly dir: string;
  readonly unit: string;
  /** Commands that would have changed the machine. */
  readonly calls: readonly string[];
  /** Requests that the metadata service got. */
  readonly asked: readonly string[];
  /** Does what the unit does, and answers the arguments of `docker`. */
  start(): Promise<readonly string[]>;
  /** The text of the file that `docker` was told to mount there. */
  mounted(path: string): Promise<string>;
}

interface Machine {
  readonly launchIndex: number;
  /** The package manager it has; absent: the runtime is there. */
  readonly installer?: 'dnf' | 'apt-get';
  /** How many requests the metadata service refuses before it is up. */
  readonly metadataFails?: number;
}

/** Runs the text in a real shell, on a machine whose package manager, systemd, docker and metadata service only take notes. */
async function boot(text: string, { launchIndex, installer, metadataFails = 0 }: Machine): Promise<Booted> {
  const root = await mkdtemp(join(tmpdir(), 'peerage-boot-'));
  cleanups.push(() => rm(root, { recursive: true, force: true }));
  const [bin, dir, units, notes, argv] = ['bin', 'peerage', 'units', 'notes', 'argv'].map((name) =>
    join(root, name),
  );
  if (!bin || !dir || !units || !notes || !argv) throw new Error('unreachable');
  await mkdir(bin);
  await mkdir(units);
  await writeFile(notes, '');
  const metadata = await startMetadata(launchIndex, metadataFails);
  const command = async (name: string, body: string) => {
    await writeFile(join(bin, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(bin, name), 0o755);
  };
  const note = (name: string) => `printf '%s\\n' "${name} $*" >>${notes}`;
  await command('sleep', note('sleep'));
  for (const tool of ['mkdir', 'cat', 'chmod']) await command(tool, `exec /bin/${tool} "$@"`);
  await command('curl', `exec /usr/bin/curl --connect-to 169.254.169.254:80:127.0.0.1:${metadata.port} "$@"`);
  await command('systemctl', note('systemctl'));
  await command('recorded', note('recorded'));
  const docker = `case " $* " in *' run '*) for arg; do printf '%s\\0' "$arg"; done >${argv} ;; esac`;
  if (installer === undefined) await command('docker', docker);
  else await command(installer, note(installer));

  const local = text.replaceAll('/opt/peerage', dir).replaceAll('/etc/systemd/system', units);
  // The path has nothing but what stands above, so nothing else can be touched.
  await run('/bin/sh', ['-c', local], { env: { PATH: bin } });
  if (installer !== undefined) await command('docker', docker);
  const noted = (await readFile(notes, 'utf8')).split('\n').filter((line) => line !== '');
  const given = async () => (await readFile(argv, 'utf8')).split('\0').slice(0, -1);
  return {
    dir,
    unit: await readFile(join(units, 'peerage.service'), 'utf8'),
    calls: noted,
    asked: metadata.asked,
    start: async () => {
      await run(join(dir, 'run'), [], { env: { PATH: bin } });
      return await given();
    },
    mounted: async (path) => {
      const args = await given();
      const mounts = args.filter((_, position) => args[position - 1] === '--mount').map(csv);
      const found = mounts.find((fields) => fields.includes(`target=${path}`));
      const source = found?.find((field) => field.startsWith('source='))?.slice('source='.length);
      return await readFile(source ?? `nothing is mounted at ${path}`, 'utf8');
    },
  };
}

/** A line of CSV as https://pkg.go.dev/encoding/csv reads it, which is what Docker does with a mount. */
function csv(line: string): readonly string[] {
  const fields = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g);
  return [...fields].map(([, quoted, bare = '']) => quoted?.replaceAll('""', '"') ?? bare);
}

async function startMetadata(
  launchIndex: number,
  fails: number,
): Promise<{ port: number; asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (asked.length <= fails) {
      response.writeHead(503).end();
    } else if (
      request.method === 'PUT' &&
      request.headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined
    ) {
      response.end('session-1');
    } else if (request.headers['x-aws-ec2-metadata-token'] === 'session-1') {
      response.end(String(launchIndex));
    } else {
      response.writeHead(401).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, asked };
}

test.each([
  ['', ''],
  [ROW.name, 'a b*'],
  [`${ROW.index}'`, "7'"],
  ['$node', '$node'],
])('a quoted row %j is one word', async (text, word) => {
  const { stdout } = await run('/bin/sh', ['-c', `node='a b*'; index=7; printf '[%s]' ${quoteRow(text)} b`]);
  expect(stdout).toBe(`[${word}][b]`);
});

test('a quoted word is one word', async () => {
  const { stdout } = await run('/bin/sh', ['-c', `printf '[%s]' ${quote("it's; $x")} b`]);
  expect(stdout).toBe("[it's; $x][b]");
});
