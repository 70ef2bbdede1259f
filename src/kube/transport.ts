import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { toError } from '../runtime/errors.ts';
import type { Counter } from '../runtime/metrics.ts';
import { type ConnectionOptions, createConnections } from './connections.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { KubeError } from './errors.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, below the server's URL. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For errors: `patch nodes.peerage.dev chains/a`. */
  readonly what: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The header in which an overloaded server says, in plain text, when to come again. Whole seconds in Kubernetes. */
  readonly retryAfter: string | undefined;
}

export interface Transport {
  /** The whole answer. Rejects with KubeError (status 0) when none came, the deadline passed, or on abort. */
  send(call: Call): Promise<Answer>;
  /** The answer as it comes. The deadline counts until its head is there, the signal until its end. */
  open(call: Call): Promise<IncomingMessage>;
  /** Ends every connection, those in use as well. */
  close(): void;
}

export interface TransportOptions extends ConnectionOptions {
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Counts every answer by its status; `<error>`, as in client-go, where none came. */
  readonly requests?: Counter<'code' | 'method' | 'host'> | undefined;
}

/**
 * Calls over HTTP/1.1 by node:https. Not undici or fetch: node:https is loaded anyway, knows HTTPS_PROXY and NO_PROXY
 * (`proxyEnv` of its pools), and takes a ready TLS context.
 */
export function createTransport(options: TransportOptions): Transport {
  const { target, deadlineMs, clock, userAgent, requests } = options;
  const base = new URL(target.cluster.server);
  const prefix = base.pathname.replace(/\/$/, '');
  const credentials = createCredentials(options);
  const connections = createConnections(options);
  const isTls = base.protocol === 'https:';
  const request = isTls ? httpsRequest : httpRequest;
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const port = base.port || (isTls ? 443 : 80);

  function requestFor(call: Call, kind: 'calls' | 'watches', signed: Credentials): ClientRequest {
    const headers: Record<string, string | string[]> = {
      accept: 'application/json',
      'user-agent': userAgent,
      ...signed.headers,
    };
    if (call.body !== undefined) {
      headers['content-type'] = call.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(call.body));
    }
    const agent = connections.poolOf(kind, signed);
    return request({ agent, host, port, method: call.method, path: prefix + call.path, headers });
  }

  /** Resolves with what `use` makes of the answer, whose head is there by then. The deadline holds until that is done. */
  async function run<T>(
    call: Call,
    kind: 'calls' | 'watches',
    use: (answer: IncomingMessage, sent: ClientRequest) => Promise<T> | T,
  ): Promise<T> {
    const { signal = new AbortController().signal } = call;
    const signed = await credentials(signal);
    signal.throwIfAborted();
    const sent = requestFor(call, kind, signed);
    let code = '<error>';
    try {
      return await withDeadline(
        { signal, deadlineMs, clock, what: 'waiting for the answer' },
        async (until) => {
          endWith(sent, until);
          try {
            const answer = await headOf(sent, call.body);
            code = String(answer.statusCode);
            return await use(answer, sent);
          } catch (error) {
            // What the connection says of its end does not tell why.
            throw until.aborted ? until.reason : error;
          }
        },
      );
    } catch (error) {
      // The server may have closed a kept connection just as we took it; what only reads can be said again.
      if (call.method !== 'GET' || !sent.reusedSocket || !isReset(error)) throw error;
    } finally {
      requests?.inc({ code, method: call.method, host: base.host });
    }
    return run(call, kind, use);
  }

  async function orKubeError<T>(call: Call, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      const message = cause instanceof Error && cause.message !== '' ? cause.message : String(cause);
      throw new KubeError(call.what, { status: 0, reason: 'NoAnswer', body: { message }, cause });
    }
  }

  return {
    send: (call) =>
      orKubeError(
        call,
        run(call, 'calls', async (answer) => ({
          status: answer.statusCode ?? 0,
          text: await readText(answer),
          retryAfter: answer.headers['retry-after'],
        })),
      ),
    open: (call) =>
      orKubeError(
        call,
        run(call, 'watches', (answer, sent) => {
          if (call.signal !== undefined) endWith(sent, call.signal);
          return answer;
        }),
      ),
    close: () => connections.close(),
  };
}

/** Ends the request when the signal is aborted. `close` is the last event of a request, whatever became of it. */
function endWith(sent: ClientRequest, signal: AbortSignal): void {
  const end = () => sent.destroy(toError(signal.reason));
  signal.addEventListener('abort', end, { once: true });
  sent.once('close', () => signal.removeEventListener('abort', end));
}

/** Sends the request. Errors after the head are the answer's to tell; here they only must not go unheard. */
function headOf(sent: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The whole of a streamed answer. */
export function readText(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => {
      text += chunk;
    });
    answer.on('end', () => resolve(text));
    answer.on('error', reject);
    answer.on('close', () => reject(new Error('the connection ended before the answer did')));
  });
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
