import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { docker } from '../support/docker-cli.ts';
import { type Engine, type EngineOptions, startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { importImage } from '../support/images.ts';

const support = join(import.meta.dirname, '..', 'support');

test('two engines at once know nothing of each other', async () => {
  const [one, other] = await Promise.all([start(), start()]);

  const urls = [await runServer(one, 'same'), await runServer(other, 'same')];

  expect(one.range).not.toBe(other.range);
  expect(await Promise.all(urls.map(nameAt))).toEqual(['same', 'same']);
  await expect(docker(one, ['ps', '--format={{.Names}}'])).resolves.toBe('same');
});

test('containers of a network reach each other by name', async () => {
  const engine = await start();
  await docker(engine, ['network', 'create', 'mesh']);
  await nameAt(await runServer(engine, 'first', '--network=mesh'));
  await nameAt(await runServer(engine, 'second', '--network=mesh'));

  const asked = ['exec', 'second', 'wget', '-qO-', 'http://first:8080/cgi-bin/name'];
  await expect(docker(engine, asked)).resolves.toBe('first');
});

test('a killed engine leaves its containers alone, and takes up those that are to be restarted', async () => {
  const engine = await start();
  const url = await runServer(engine, 'steady', '--restart=always');
  const ip = await docker(engine, ['inspect', '--format={{.NetworkSettings.IPAddress}}', 'steady']);

  await engine.kill();
  await expect(docker(engine, ['ps'])).rejects.toThrow(/daemon/);
  await expect(nameAt(`http://${ip}:8080/cgi-bin/name`)).resolves.toBe('steady');

  await engine.restart();
  await expect(nameAt(url)).resolves.toBe('steady');
});

test('a restarted engine remembers everything', async () => {
  const engine = await start();
  await runServer(engine, 'steady', '--restart=always', '--volume=kept:/kept');

  await engine.restart();

  // It may have another port of the host now: the container was started anew.
  const inside = () => docker(engine, ['exec', 'steady', 'hostname']).catch(String);
  await expect(eventually(inside, (said) => said === 'steady')).resolves.toBe('steady');
  await expect(docker(engine, ['volume', 'ls', '--quiet'])).resolves.toBe('kept');
});

test('nothing is left of an engine that was stopped with all that it ran', async () => {
  const engine = await start();
  await docker(engine, ['network', 'create', 'mesh']);
  // Addresses of its own choice do not save a network from being found.
  await docker(engine, ['network', 'create', '--subnet=198.51.100.0/24', 'elsewhere']);
  await runServer(engine, 'first', '--network=mesh', '--volume=kept:/kept');
  await runServer(engine, 'second', '--network=elsewhere');
  const marks = await marksOf(engine);
  expect(marks.links).toHaveLength(3);
  expect(marks.cgroups).not.toEqual([]);

  await engine.stop();

  await expect(traces(engine, marks)).resolves.toEqual([]);
});

test('nor of one whose owner was killed', async () => {
  const script = `
    import { startEngine } from ${JSON.stringify(join(support, 'engine.ts'))};
    import { importImage } from ${JSON.stringify(join(support, 'images.ts'))};
    import { docker } from ${JSON.stringify(join(support, 'docker-cli.ts'))};
    const engine = await startEngine();
    await docker(engine, ['run', '--detach', await importImage(engine, 'httpd')]);
    console.log(JSON.stringify({ socketPath: engine.socketPath, range: engine.range }));`;
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void owner.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) => createInterface(owner.stdout).once('line', resolve));
  const engine = z.object({ socketPath: z.string(), range: z.string() }).parse(JSON.parse(line));
  const marks = await marksOf(engine);
  expect(await traces(engine, marks)).not.toEqual([]);

  owner.kill('SIGKILL');

  const left = () => traces(engine, marks);
  await eventually(left, (found) => expect(found).toEqual([]), { what: 'the end of all traces' });
});

test('says why it cannot start', async () => {
  await expect(startEngine({ args: ['--no-such-flag'] })).rejects.toThrow('unknown flag: --no-such-flag');
});

async function start(options?: EngineOptions): Promise<Engine> {
  const engine = await startEngine(options);
  onTestFinished(() => engine.stop());
  return engine;
}

/** Runs a web server and answers where it tells its own name. */
async function runServer(engine: Engine, name: string, ...options: string[]): Promise<string> {
  const image = await importImage(engine, 'httpd');
  const known = [`--hostname=${name}`, `--name=${name}`, '--publish=127.0.0.1::8080'];
  await docker(engine, ['run', '--detach', ...known, ...options, image]);
  return `http://${await docker(engine, ['port', name, '8080'])}/cgi-bin/name`;
}

async function nameAt(url: string): Promise<string> {
  const ask = () => fetch(url).then((answer) => answer.text(), String);
  const answer = await eventually(ask, (text) => /^[a-z]+\n$/.test(text), { what: url });
  return answer.trim();
}

type Known = Pick<Engine, 'socketPath' | 'range'>;

/** Bridges and cgroups as `name number`: another engine may get the name the moment it is free, but never the number. */
interface Marks {
  readonly links: readonly string[];
  readonly cgroups: readonly string[];
}

/** What it makes in our own network and beside our own processes. */
async function marksOf(engine: Known): Promise<Marks> {
  const ids = await docker(engine, [
    'network',
    'ls',
    '--filter=driver=bridge',
    '--no-trunc',
    '--format={{.ID}} {{.Name}}',
  ]);
  const bridges = ids.split('\n').map((line) => {
    const [id = '', name] = line.split(' ');
    return name === 'bridge' ? nameOf(engine) : `br-${id.slice(0, 12)}`;
  });
  const nameIn = (mark: string) => mark.split(' ')[0] ?? '';
  return {
    links: (await linksNow()).filter((mark) => bridges.includes(nameIn(mark))),
    cgroups: (await foldersNow('/sys/fs/cgroup')).filter((mark) => nameIn(mark) === nameOf(engine)),
  };
}

function nameOf({ range }: Known): string {
  return `peerage-${range.split('.').slice(0, 2).join('-')}`;
}

/** Processes, bridges, cgroups and files that an engine could leave behind. */
async function traces(engine: Known, { links, cgroups }: Marks): Promise<readonly string[]> {
  const dir = dirname(engine.socketPath);
  const processes = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const commands = await Promise.all(
    processes.map((pid) => readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')),
  );
  return [
    ...commands.filter((command) => command.includes(dir)),
    ...(await linksNow()).filter((mark) => links.includes(mark)),
    ...(await foldersNow('/sys/fs/cgroup')).filter((mark) => cgroups.includes(mark)),
    ...[dir].filter(existsSync),
  ];
}

/** Some go while they are read. */
async function linksNow(): Promise<readonly string[]> {
  const names = await readdir('/sys/class/net');
  const numbers = names.map((name) =>
    readFile(join('/sys/class/net', name, 'ifindex'), 'utf8').catch(() => ''),
  );
  return (await Promise.all(numbers)).map((number, index) => `${names[index]} ${number.trim()}`);
}

/** All folders below. Some go while they are read. */
async function foldersNow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory());
  const found = folders.map(async ({ name }) => {
    const path = join(dir, name);
    const number = await stat(path).then(
      ({ ino }) => ino,
      () => 0,
    );
    return [`${name} ${number}`, ...(await foldersNow(path))];
  });
  return (await Promise.all(found)).flat();
}
