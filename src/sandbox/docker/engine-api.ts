import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

export interface EngineAnswer {
  readonly status: number;
  /** Mostly JSON; a stream of progress is one JSON object a line. */
  readonly body: string;
}

export interface EngineQuestion {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** With the query. Without a version it means the engine's newest. */
  readonly path: string;
  /** A tar archive. */
  readonly archive?: Readable;
  readonly withinMs?: number;
}

/** One call to an engine over its socket, as it is: no retry, and no status is an error. */
export async function askEngine(socketPath: string, question: EngineQuestion): Promise<EngineAnswer> {
  const { method = 'GET', path, archive, withinMs = 60_000 } = question;
  const asked = request({
    socketPath,
    method,
    path,
    agent: false,
    signal: AbortSignal.timeout(withinMs),
    ...(archive && { headers: { 'Content-Type': 'application/x-tar' } }),
  });
  const answered = new Promise<EngineAnswer>((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
  });
  // A refusal may come before all was sent. What fails otherwise fails the request, too.
  if (archive === undefined) asked.end();
  else pipeline(archive, asked).catch(() => {});
  return await answered;
}
