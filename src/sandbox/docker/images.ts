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
import { cacheDir } from '../kubernetes/cache-dir.ts';
import type { Engine } from './engine.ts';
import { askEngine } from './engine-api.ts';

const run = promisify(execFile);

export interface Image {
  /** What its archive in the cache is called. */
  readonly name: string;
  /** By path in the image. */
  readonly files: Readonly<Record<string, ImageFile>>;
  /** As in a Dockerfile, as far as `docker import --change` takes it. */
  readonly config: readonly string[];
}

export type ImageFile =
  | { readonly copy: string; readonly mode?: number }
  | { readonly text: string; readonly mode?: number }
  | { readonly link: string }
  /** `version` tells one content of the folder from another. */
  | { readonly tree: string; readonly version: string };

/**
 * Puts an image into an engine, without any registry, and answers its reference. With nothing changed the second time costs
 * an import: tenths of a second. A repository without a tag gets one that names the content: `peerage-test/btcd:5f1c...`.
 */
export async function importImage(
  { socketPath }: Pick<Engine, 'socketPath'>,
  image: Image,
  { repository, tag }: { readonly repository: string; readonly tag?: string },
): Promise<string> {
  const { archive, key } = await archiveOf(image);
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag: tag ?? key });
  for (const line of image.config) query.append('changes', line);
  const path = `/images/create?${query}`;
  const { status, body } = await askEngine(socketPath, {
    method: 'POST',
    path,
    archive: createReadStream(archive),
  });
  const reference = `${repository}:${tag ?? key}`;
  // Its progress comes with status 200, and a failure may be the last line of it.
  if (status !== 200 || body.includes('"error"')) throw new Error(`importing ${reference}: ${body.trim()}`);
  return reference;
}

/** The image's files as a tar archive in the cache, made when there is none of the same content. The key tells all of the image. */
async function archiveOf({ name, files, config }: Image) {
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
async function forgetOthers(dir: string, name: string, archive: string): Promise<void> {
  const ours = new RegExp(`^${name}-[0-9a-f]{16}\\.tar$`);
  const others = (await readdir(dir)).filter((file) => ours.test(file) && join(dir, file) !== archive);
  await Promise.all(others.map((file) => rm(join(dir, file), { force: true })));
}
