import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { printed, run } from './chart.ts';

const root = join(import.meta.dirname, '../..');

/** What the Dockerfile compiles and starts, without Docker. */
describe('the image', () => {
  let dist: string;
  let dockerfile: string;

  beforeAll(async () => {
    dist = await mkdtemp(join(tmpdir(), 'peerage-dist-'));
    dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
    const tsc = join(root, 'node_modules/.bin/tsc');
    await printed(run(tsc, ['-p', 'tsconfig.build.json', '--outDir', dist], { cwd: root }));
    await symlink(join(root, 'node_modules'), join(dist, 'node_modules'));
    await cp(join(root, 'package.json'), join(dist, 'package.json'));
  });
  afterAll(() => rm(dist, { recursive: true, force: true }));

  test('starts the operator, which is plain JavaScript', async () => {
    const [, program = ''] = /^ENTRYPOINT \["node", "dist\/(.+)"\]$/m.exec(dockerfile) ?? [];
    const help = await printed(run(process.execPath, [join(dist, program), '--help'], {}));
    expect(help).toContain('--watch-namespaces');
  });

  test('holds neither the sandbox, nor the command line, nor a test', async () => {
    const files = (await readdir(join(dist, 'src'), { recursive: true })).filter((file) =>
      /\.[a-z]+$/.test(file),
    );
    expect(files).toContain('main.js');
    expect(files.filter((file) => /^(sandbox|cli)\/|\.test\.|\.ts$/.test(file))).toEqual([]);
  });

  test('runs as a user who is known by number and is not root', () => {
    const users = [...dockerfile.matchAll(/^USER (\S+)$/gm)].map(([, user]) => user);
    expect(users).toEqual(['1000:1000']);
  });
});
