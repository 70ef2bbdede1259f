/**
 * Tar archives, as far as files go in and out of containers: plain files, nothing else.
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06
 */
import { CloudError } from '../cloud.ts';

export interface TarFile {
  /** Absolute. Folders on the way that are not there are made by the engine. */
  readonly path: string;
  readonly content: string;
}

const block = 512;

/** Belongs to root and can be read by everybody and changed by nobody: the client may run as anyone. */
const mode = 0o444;

export function pack(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap(({ path, content }) => {
    const body = Buffer.from(content);
    return [header(path, body.length), body, Buffer.alloc((block - (body.length % block)) % block)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

/** What the plain files in an archive hold, by their names without folders. */
export function filesIn(archive: Buffer): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (let at = 0; at + block <= archive.length; ) {
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8) || 0;
    const kind = archive.toString('latin1', at + 156, at + 157);
    if (kind === '0' || (kind === '\0' && archive[at] !== 0)) {
      const [name = ''] = archive.toString('utf8', at, at + 100).split('\0');
      files.set(
        name.slice(name.lastIndexOf('/') + 1),
        archive.toString('utf8', at + block, at + block + size),
      );
    }
    at += block + Math.ceil(size / block) * block;
  }
  return files;
}

function header(path: string, size: number): Buffer {
  const { prefix, name } = split(path);
  const bytes = Buffer.alloc(block);
  const text = (value: string, at: number) => bytes.write(value, at, 'utf8');
  const octal = (value: number, at: number, digits: number) =>
    text(`${value.toString(8).padStart(digits, '0')}\0`, at);
  text(name, 0);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  // The same files give the same bytes, whenever they are packed.
  octal(0, 136, 11);
  text('        ', 148);
  text('0', 156);
  text('ustar\u000000', 257);
  text(prefix, 345);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

/** A name takes 100 bytes, and what stands before one of its slashes another 155. */
function split(path: string): { readonly prefix: string; readonly name: string } {
  const relative = path.replace(/^\/+/, '');
  if (Buffer.byteLength(relative) <= 100) return { prefix: '', name: relative };
  for (let slash = relative.indexOf('/'); slash !== -1; slash = relative.indexOf('/', slash + 1)) {
    const prefix = relative.slice(0, slash);
    const name = relative.slice(slash + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { prefix, name };
  }
  throw new CloudError({
    api: 'PutContainerArchive',
    code: 'invalid',
    outcome: 'none',
    reason: 'PathTooLong',
    message: `a file's path is too long: ${path}`,
  });
}
