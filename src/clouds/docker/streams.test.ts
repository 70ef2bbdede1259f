import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { demultiplex, pieces } from './streams.ts';

function frame(kind: 1 | 2, text: string): Buffer {
  const header = Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

const written = Buffer.concat([
  frame(1, 'one\n'),
  frame(2, 'an error\n'),
  frame(1, ''),
  frame(1, 'zwei ü\n'),
  frame(2, '3'),
]);

async function read(chunks: readonly Buffer[]) {
  const said = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  for await (const { from, bytes } of pieces(Readable.from(chunks))) {
    said[from] = Buffer.concat([said[from], bytes]);
  }
  return { stdout: said.stdout.toString(), stderr: said.stderr.toString() };
}

const parts = (size: number) =>
  Array.from({ length: Math.ceil(written.length / size) }, (_, at) =>
    written.subarray(at * size, (at + 1) * size),
  );

test.each([1, 2, 3, 7, 8, 9, 13, 1000])('tells the two outputs apart in chunks of %d bytes', async (size) => {
  const both = { stdout: 'one\nzwei ü\n', stderr: 'an error\n3' };
  expect(demultiplex(written)).toEqual(both);
  expect(await read(parts(size))).toEqual(both);
});

test('keeps the order of the two', async () => {
  const order: string[] = [];
  for await (const { from } of pieces(Readable.from([written]))) order.push(from);
  expect(order).toEqual(['stdout', 'stderr', 'stdout', 'stderr']);
});

test.each([1, 3])('a stream that breaks off %d bytes before its end is no end', async (missing) => {
  await expect(read([written.subarray(0, -missing), Buffer.alloc(0)])).rejects.toThrow('broke off');
});

test('nothing is nothing', async () => {
  expect(await read([])).toEqual({ stdout: '', stderr: '' });
});
