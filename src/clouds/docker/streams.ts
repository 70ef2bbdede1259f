/** Reading what an engine streams. */
import type { Readable } from 'node:stream';
import type { LogPiece } from '../cloud.ts';

/** All of it. Rejects when it breaks off or grows past `limitBytes`. */
export async function readAll(stream: NodeJS.ReadableStream, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > limitBytes) throw new Error(`an answer of more than ${limitBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** One text for each line that is not empty. */
export async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(Buffer.from(chunk), { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}

/**
 * The two outputs of a command, which come in turns: `[1 or 2, 0, 0, 0, length in 4 bytes]`, then so many bytes.
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export function demultiplex(bytes: Buffer): { readonly stdout: string; readonly stderr: string } {
  const parts: { readonly [kind: number]: Buffer[] } = { 1: [], 2: [] };
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = bytes.readUInt32BE(at + 4);
    parts[bytes[at] ?? 0]?.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  const text = (kind: number) => Buffer.concat(parts[kind] ?? []).toString('utf8');
  return { stdout: text(1), stderr: text(2) };
}

const HEADER_BYTES = 8;

/** The same while it comes: pieces as large as they arrive, of either output. Rejects when it breaks off within one. */
export async function* pieces(stream: NodeJS.ReadableStream): AsyncGenerator<LogPiece> {
  let header = Buffer.alloc(0);
  let left = 0;
  for await (const chunk of stream) {
    let bytes = Buffer.from(chunk);
    while (bytes.length > 0) {
      if (left === 0) {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, bytes.subarray(0, missing)]);
        bytes = bytes.subarray(missing);
        if (header.length < HEADER_BYTES) break;
        left = header.readUInt32BE(4);
        if (left === 0) header = Buffer.alloc(0);
        continue;
      }
      const piece = bytes.subarray(0, left);
      bytes = bytes.subarray(piece.length);
      left -= piece.length;
      yield { from: header[0] === 2 ? 'stderr' : 'stdout', bytes: piece };
      if (left === 0) header = Buffer.alloc(0);
    }
  }
  if (header.length > 0) throw new Error('the stream broke off');
}

/** Ends the connection behind a stream whose rest nobody wants. */
export function drop(stream: NodeJS.ReadableStream): void {
  if (isReadable(stream)) stream.destroy();
}

function isReadable(stream: NodeJS.ReadableStream): stream is Readable {
  return 'destroy' in stream;
}
