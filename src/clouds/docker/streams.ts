/** Reading what an engine streams. */
import type { Readable } from 'node:stream';

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

/** Ends the connection behind a stream whose rest nobody wants. */
export function drop(stream: NodeJS.ReadableStream): void {
  if (isReadable(stream)) stream.destroy();
}

function isReadable(stream: NodeJS.ReadableStream): stream is Readable {
  return 'destroy' in stream;
}
