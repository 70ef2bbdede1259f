import { once } from 'node:events';
import type { LogPiece } from '../../clouds/cloud.ts';

/** A stream that one writes to; `process.stdout` is one. */
export interface Out extends NodeJS.EventEmitter {
  readonly destroyed: boolean;
  write(bytes: Uint8Array): boolean;
}

/** Puts each piece where it came from, no faster than it is taken. Ends early where nobody reads any more. */
export async function printLogs(
  pieces: AsyncIterable<LogPiece>,
  outs: Readonly<Record<LogPiece['from'], Out>>,
): Promise<void> {
  for await (const { from, bytes } of pieces) {
    const out = outs[from];
    if (out.destroyed) return;
    if (!out.write(bytes)) await Promise.race([once(out, 'drain'), once(out, 'close')]);
  }
}
