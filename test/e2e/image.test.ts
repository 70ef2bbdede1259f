import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { docker, proxies } from '../support/docker-cli.ts';
import { dockerdPath, type Engine, startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { importImage } from '../support/images.ts';
import { installKinds } from '../support/kinds.ts';
import { freshNamespace } from '../support/namespace.ts';

const root = join(import.meta.dirname, '../..');
/** What the chart asks of the container. */
const confined = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'];

/** Built twice from the registry of npm, which is most of the time. */
const builtWithinMs = 600_000;

describe.skipIf(!dockerdPath())('the image, built and run by a real engine', () => {
  const image = 'peerage:test';
  let engine: Engine;
  let base: string;

  beforeAll(async () => {
    engine = await startEngine();
    const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
    const [, named = ''] = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile) ?? [];
    base = await importImage(engine, 'node', named);
    const told = proxies().map((name) => `--build-arg=${name}`);
    await docker(engine, ['build', '--network=host', ...told, `--tag=${image}`, root]);
  }, builtWithinMs);
  afterAll(() => engine?.stop());

  /** What a piece of JavaScript in the image returns. It finds Node's modules under their names. */
  async function inside(script: string, ...options: string[]): Promise<unknown> {
    const printed = `JSON.stringify((() => { ${script} })())`;
    return JSON.parse(
      await docker(engine, ['run', '--rm', ...options, '--entrypoint=node', image, '-p', printed]),
    );
  }

  test('explains itself, confined as the chart confines it', async () => {
    const help = await docker(engine, ['run', '--rm', ...confined, image, '--help']);

    expect(help).toContain('--watch-namespaces');
  });

  test('runs as a user who is not root and who may change nothing of it', async () => {
    const script = `
      const may = (path) => { try { fs.accessSync(path, fs.constants.W_OK); return true; } catch { return false; } };
      const all = ['.', ...fs.readdirSync('.', { recursive: true })];
      return { user: process.getuid(), group: process.getgid(), writable: all.filter(may) };`;

    // The root is not read-only here: who the user is must be enough.
    await expect(inside(script)).resolves.toEqual({ user: 1000, group: 1000, writable: [] });
  });

  test('holds what the operator needs, and neither compiler, nor sandbox, nor command line, nor tests', async () => {
    const files = z
      .array(z.string())
      .parse(await inside(`return fs.readdirSync('.', { recursive: true });`, ...confined));

    expect([...new Set(files.map((file) => file.split('/')[0]))].sort()).toEqual([
      'LICENSE',
      'dist',
      'node_modules',
      'package.json',
    ]);
    expect(files).toContain('node_modules/@kubernetes/client-node/package.json');
    const surplus =
      /^node_modules\/(typescript|vitest|node|@biomejs)\/|^dist\/src\/(sandbox\/|cli\/|.*\.test\.)|\.d\.ts$/;
    expect(files.filter((file) => surplus.test(file))).toEqual([]);
  });

  test('adds less than 100 MB to its base', async () => {
    const sizeOf = async (name: string) =>
      Number(await docker(engine, ['image', 'inspect', '--format={{.Size}}', name]));

    expect((await sizeOf(image)) - (await sizeOf(base))).toBeLessThan(100_000_000);
  });

  test('becomes ready on a real API server, and ends in its own way when it is told to', async () => {
    await installKinds();
    const address = `127.0.0.1:${await freePort()}`;
    const args = [
      'run',
      '--detach',
      ...confined,
      '--network=host',
      `--volume=${await readableKubeconfig()}:/kubeconfig:ro`,
    ];
    const settings = [
      '--env=PEERAGE_KUBECONFIG=/kubeconfig',
      `--env=PEERAGE_HEALTH_ADDRESS=${address}`,
      // What is in others is not for it to work on.
      `--env=PEERAGE_WATCH_NAMESPACES=${await freshNamespace()}`,
    ];

    const container = await docker(engine, [...args, ...settings, image]);
    const ask = () =>
      fetch(`http://${address}/readyz`).then(
        ({ status }) => status,
        () => docker(engine, ['logs', container]),
      );
    await eventually(ask, (answer) => answer === 200, { what: '/readyz' });
    await docker(engine, ['stop', '--time=20', container]);

    const code = await docker(engine, ['inspect', '--format={{.State.ExitCode}}', container]);
    expect(code, await docker(engine, ['logs', container])).toBe('0');
  });
});

/** The administrator's kubeconfig is for its owner's eyes; the image's user is somebody else. */
async function readableKubeconfig(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-image-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, 'kubeconfig');
  await writeFile(file, await readFile(inject('controlPlane').kubeconfigPath), { mode: 0o644 });
  return file;
}
