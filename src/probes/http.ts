import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { Answer, Check, Endpoint, Progress } from './probe.ts';
import { textAt } from './text-at.ts';

/** More than any health check or node address has; a program that streams for ever is cut off. */
const maxBodyBytes = 262_144;

export async function askHttp(
  { host, port }: Endpoint,
  { path, status }: Extract<Check, { kind: 'http' }>,
  progress: Progress,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await send({ host, port, path, method: 'GET', signal }, undefined, progress);
  // The status is all that counts; what follows it is not waited for.
  response.destroy();
  return response.statusCode === status
    ? { outcome: 'passed' }
    : { outcome: 'failed', reason: `port ${port}: answered ${response.statusCode}, not ${status}` };
}

export async function askJsonRpc(
  { host, port }: Endpoint,
  { path, method, params = [], resultPath, ...expected }: Extract<Check, { kind: 'jsonRpc' }>,
  progress: Progress,
  signal: AbortSignal,
): Promise<Answer> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  // Nodes that look at the host name to keep web pages out let this one through.
  const headers = { host: 'localhost', 'content-type': 'application/json', accept: 'application/json' };
  const response = await send({ host, port, path, method: 'POST', headers, signal }, body, progress);
  const failed = (what: string): Answer => ({ outcome: 'failed', reason: `port ${port}: ${what}` });
  if (response.statusCode !== 200) {
    response.destroy();
    return failed(`answered ${response.statusCode}, not 200`);
  }
  const said = await bodyOf(response);
  if (said === undefined) return failed(`the answer has more than ${maxBodyBytes / 1024} KiB`);
  const answer = parsed(said);
  if (answer === undefined) return failed('the answer is no JSON-RPC');
  if (answer.error !== undefined && answer.error !== null) return failed(errorText(answer.error));
  if (!Object.hasOwn(answer, 'result')) return failed('the answer is no JSON-RPC');
  const { result } = answer;
  if (Object.hasOwn(expected, 'result') && !isDeepStrictEqual(result, expected.result))
    return failed(`the result is ${kindOf(result)}, not the one expected`);
  const text = resultPath === undefined ? undefined : textAt(result, resultPath);
  return { outcome: 'passed', ...(text !== undefined && { text }) };
}

/** One connection for one request: what is asked is whether a new client would be served. */
function send(
  options: RequestOptions,
  body: string | undefined,
  progress: Progress,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const path = options.path?.replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent);
    const call: ClientRequest = request({ ...options, path, agent: false }, resolve);
    call.once('socket', (socket) => {
      socket.once('connect', () => {
        progress.connected = true;
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Undefined when it is too long. */
async function bodyOf(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    // Leaving the loop closes the connection.
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** https://www.jsonrpc.org/specification#error_object */
const ERRORS: ReadonlyMap<unknown, string> = new Map([
  [-32700, 'parse error'],
  [-32600, 'invalid request'],
  [-32601, 'method not found'],
  [-32602, 'invalid params'],
  [-32603, 'internal error'],
]);

/** The server's own message may repeat what it was sent. */
function errorText(error: unknown): string {
  const code = isRecord(error) ? error.code : undefined;
  if (typeof code !== 'number') return 'answered with an error';
  const name = ERRORS.get(code);
  return `answered with error ${code}${name === undefined ? '' : ` (${name})`}`;
}

function kindOf(result: unknown): string {
  if (result === null || typeof result === 'boolean' || typeof result === 'number') return String(result);
  if (Array.isArray(result)) return 'a list';
  return typeof result === 'string' ? 'a string' : 'an object';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
