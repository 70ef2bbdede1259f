import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';

const answerSchema = z.object({ result: z.string() });
const withinSeconds = 10;

/** What a user types for a JSON-RPC call. */
export function curlOf(url: string, method: string): readonly string[] {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] });
  return ['curl', '-s', url, '-H', 'content-type: application/json', '-d', body];
}

/** For a shell. */
export function spell(words: readonly string[]): string {
  return words.map((word) => (/^[\w./:@-]+$/.test(word) ? word : `'${word}'`)).join(' ');
}

/** Runs it and answers what was answered. Rejects when that is no result of a JSON-RPC call. */
export async function runCurl(
  [program = '', ...args]: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  // Beside what is shown: no proxy of the user's between us, and an error in words.
  const quietly = ['--noproxy', '*', '-S', '-m', String(withinSeconds), ...args];
  const { stdout } = await promisify(execFile)(program, quietly, { signal });
  const parsed = answerSchema.safeParse(orUndefined(() => JSON.parse(stdout)));
  if (!parsed.success) throw new Error(`no result of a JSON-RPC call: ${stdout.slice(0, 200)}`);
  return stdout.trim();
}

function orUndefined(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}
