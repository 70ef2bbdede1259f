import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { LogPiece } from '../../clouds/cloud.ts';
import { printLogs } from './print.ts';

const piece = (from: LogPiece['from'], text: string): LogPiece => ({ from, bytes: Buffer.from(text) });

async function* saying(...pieces: readonly LogPiece[]): AsyncGenerator<LogPiece> {
  yield* pieces;
}

function sink() {
  let text = '';
  const out = new Writable({
    highWaterMark: 1,
    write: (chunk, _, done) => {
      text += chunk;
      setImmediate(done);
    },
  });
  return { out, text: () => text };
}

test('puts each output where it belongs', async () => {
  const [stdout, stderr] = [sink(), sink()];
  const said = saying(piece('stdout', 'a'), piece('stderr', 'b'), piece('stdout', 'c'));
  await printLogs(said, { stdout: stdout.out, stderr: stderr.out });
  expect([stdout.text(), stderr.text()]).toEqual(['ac', 'b']);
});

test('asks for no more than what is taken', async () => {
  const taken = Promise.withResolvers<void>();
  const slow = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => void taken.promise.then(() => done()),
  });
  let asked = 0;
  async function* endless(): AsyncGenerator<LogPiece> {
    for (; asked < 3; asked++) yield piece('stdout', 'much');
  }
  const printing = printLogs(endless(), { stdout: slow, stderr: slow });
  await delay(0);
  expect(asked).toBe(0);
  taken.resolve();
  await printing;
  expect(asked).toBe(3);
});

test('ends where nobody reads any more', async () => {
  const { out } = sink();
  async function* endless(): AsyncGenerator<LogPiece> {
    for (;;) {
      yield piece('stdout', 'more');
      out.destroy();
    }
  }
  await printLogs(endless(), { stdout: out, stderr: out });
  expect(out.destroyed).toBe(true);
});
