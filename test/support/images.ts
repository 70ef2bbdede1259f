import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from '../../src/sandbox/kubernetes/cache-dir.ts';
import type { Engine } from './engine.ts';
import { askEngine } from './engine-api.ts';
import { type Image, type ImageName, recipeOf } from './image-recipes.ts';

export type { ImageName } from './image-recipes.ts';

const run = promisify(execFile);

/**
 * Puts an image into an engine, without any registry, and answers its reference. With nothing changed the second time costs
 * an import: tenths of a second. The reference names the content: `peerage-test/btcd:5f1c...`, unless one is given.
 */
export async function importImage(
  { socketPath }: Pick<Engine, 'socketPath'>,
  name: ImageName,
  as?: string,
): Promise<string> {
  const image = await recipeOf(name);
  const { archive, key } = await archiveOf(name, image);
  const reference = as ?? `peerage-test/${name}:${key}`;
  const at = reference.lastIndexOf(':');
  const query = new URLSearchParams({
    fromSrc: '-',
    repo: reference.slice(0, at),
    tag: reference.slice(at + 1),
  });
  for (const line of image.config) query.append('changes', line);
  const path = `/images/create?${query}`;
  const { status, body } = await askEngine(socketPath, {
    method: 'POST',
    path,
    archive: createReadStream(archive),
  });
  // Its progress comes with status 200, and a failure may be the last line of it.
  if (status !== 200 || body.includes('"error"')) throw new Error(`importing ${reference}: ${body.trim()}`);
  return reference;
}

/** The image's files as a tar archive in the cache, made when there is none of the same content. The key tells all of the image. */
async function archiveOf(name: ImageName, { files, config }: Image) {
  const hash = createHash('sha256').update(JSON.stringify(config));
  for (const [path, file] of Object.entries(files)) {
    const content = 'copy' in file ? await readFile(file.copy) : 'tree' in file ? file.version : undefined;
    hash.update(JSON.stringify([path, { ...file, copy: undefined, tree: undefined }]));
    if (content !== undefined) hash.update(content);
  }
  const key = hash.digest('hex').slice(0, 16);
  const dir = cacheDir('images');
  const archive = join(dir, `${name}-${key}.tar`);
  if (!existsSync(archive)) {
    await mkdir(dir, { recursive: true });
    const staging = await mkdtemp(join(dir, '.making-'));
    try {
      const root = join(staging, 'root');
      await lay(root, files);
      const packed = join(staging, 'packed');
      await run('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', root, '-cf', packed, '.']);
      await rename(packed, archive);
      await forgetOthers(dir, name, archive);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  return { archive, key };
}

async function lay(root: string, files: Image['files']): Promise<void> {
  await mkdir(join(root, 'tmp'), { recursive: true });
  await chmod(root, 0o755);
  await chmod(join(root, 'tmp'), 0o1777);
  for (const [path, file] of Object.entries(files)) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    if ('link' in file) await symlink(file.link, target);
    else if ('text' in file) await writeFile(target, file.text, { mode: file.mode ?? 0o644 });
    else if ('tree' in file) await cp(file.tree, target, { recursive: true, verbatimSymlinks: true });
    else {
      await cp(file.copy, target, { dereference: true });
      await chmod(target, file.mode ?? 0o755);
    }
  }
}

/** Archives are large, and of an image that has changed nobody wants the old one. */
async function forgetOthers(dir: string, name: ImageName, archive: string): Promise<void> {
  const ours = new RegExp(`^${name}-[0-9a-f]{16}\\.tar$`);
  const others = (await readdir(dir)).filter((file) => ours.test(file) && join(dir, file) !== archive);
  await Promise.all(others.map((file) => rm(join(dir, file), { force: true })));
}
