import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { Counter } from '../runtime/metrics.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { KubeError } from './errors.ts';
import type { Target } from './kubeconfig.ts';

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
}

export interface Transport {
  /** The whole answer. Rejects with KubeError (status 0) when none came, the deadline passed, or on abort. */
  send(call: Call): Promise<Answer>;
  /** The answer as it comes. The deadline counts until its head is there, the signal until its end. */
  open(call: Call): Promise<IncomingMessage>;
  /** Ends every connection, those in use as well. */
  close(): void;
}

export interface TransportOptions {
  readonly target: Target;
  /** PEM file with further certificate authorities. */
  readonly extraCaFile?: string | undefined;
  readonly deadlineMs: number;
  readonly userAgent: string;
  /** Counts every answer by its status; `<error>`, as in client-go, where none came. */
  readonly requests?: Counter<'code' | 'method' | 'host'> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Calls at once; more wait for a free connection. */
const maxConnections = 48;
/** Below the 90 s after which kube-apiserver ends an idle connection, so that no call is sent into a closing one. */
const idleConnectionMs = 60_000;

/**
 * Calls over kept-alive HTTP/1.1 connections by node:https. Not undici or fetch: node:https is loaded anyway, knows
 * HTTPS_PROXY and NO_PROXY (`proxyEnv`), and takes a ready TLS context, so that no connection parses certificates
 * again. Watches have connections of their own, else they would hold those of the calls for ever.
 */
export function createTransport(options: TransportOptions): Transport {
  const { target, deadlineMs, userAgent, requests } = options;
  const base = new URL(target.cluster.server);
  const prefix = base.pathname.replace(/\/$/, '');
  const credentials = createCredentials(target);
  const connections = createConnections(options);
  const request = base.protocol === 'https:' ? httpsRequest : httpRequest;

  async function start(
    call: Call,
    kind: 'calls' | 'watches',
  ): Promise<{ answer: IncomingMessage; settle(): void }> {
    const signed = await credentials();
    call.signal?.throwIfAborted();
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': userAgent,
      ...signed.headers,
    };
    if (call.body !== undefined) {
      headers['content-type'] = call.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(call.body));
    }
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: connections(signed)[kind],
        host: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port || (base.protocol === 'https:' ? 443 : 80),
        method: call.method,
        path: prefix + call.path,
        headers,
      });
      const deadline = setTimeout(() => {
        sent.destroy(new Error(`no answer within ${deadlineMs / 1000} s`));
      }, deadlineMs);
      const abort = () => sent.destroy(abortError(call.signal));
      call.signal?.addEventListener('abort', abort, { once: true });
      const forget = () => call.signal?.removeEventListener('abort', abort);
      const count = (code: string) => requests?.inc({ code, method: call.method, host: base.host });
      sent.once('response', (answer) => {
        count(String(answer.statusCode));
        if (kind === 'watches') clearTimeout(deadline);
        answer.once('close', forget);
        resolve({ answer, settle: () => clearTimeout(deadline) });
      });
      sent.once('error', (error) => {
        count('<error>');
        clearTimeout(deadline);
        forget();
        // The answer to a call on a kept connection can be that the server had just closed it.
        if (call.method === 'GET' && sent.reusedSocket && !call.signal?.aborted && isReset(error)) {
          resolve(start(call, kind));
        } else {
          reject(error);
        }
      });
      sent.end(call.body);
    });
  }

  return {
    async send(call) {
      try {
        const { answer, settle } = await start(call, 'calls');
        try {
          return { status: answer.statusCode ?? 0, text: await readText(answer) };
        } finally {
          settle();
        }
      } catch (error) {
        throw noAnswer(call, error);
      }
    },
    async open(call) {
      try {
        return (await start(call, 'watches')).answer;
      } catch (error) {
        throw noAnswer(call, error);
      }
    },
    close: () => connections.close(),
  };
}

interface Connections {
  (credentials: Credentials): { readonly calls: HttpAgent; readonly watches: HttpAgent };
  close(): void;
}

/** The pools of connections. A rotated client certificate begins new ones; what is under way ends on the old. */
function createConnections({ target, extraCaFile, env }: TransportOptions): Connections {
  const { cluster } = target;
  const proxyEnv = proxySettings(target, env);
  const ca = authorities(target, extraCaFile);
  let pools: { calls: HttpAgent; watches: HttpAgent; cert: string | undefined } | undefined;

  function create({ cert, key }: Credentials) {
    const common = { keepAlive: true, proxyEnv };
    const secureContext = createSecureContext({ ...(ca && { ca }), ...(cert && key && { cert, key }) });
    const tls = {
      secureContext,
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
      ...(cluster['tls-server-name'] && { servername: cluster['tls-server-name'] }),
    };
    const pool = (limits: { maxSockets?: number; timeout?: number }) =>
      cluster.server.startsWith('https:')
        ? new HttpsAgent({ ...common, ...tls, ...limits })
        : new HttpAgent({ ...common, ...limits });
    return {
      calls: pool({ maxSockets: maxConnections, timeout: idleConnectionMs }),
      watches: pool({}),
      cert,
    };
  }

  return Object.assign(
    (credentials: Credentials) => {
      if (pools === undefined || pools.cert !== credentials.cert) pools = create(credentials);
      return pools;
    },
    {
      close() {
        pools?.calls.destroy();
        pools?.watches.destroy();
      },
    },
  );
}

/** A kubeconfig's own proxy wins over the environment's. */
function proxySettings({ cluster, source }: Target, env: TransportOptions['env']) {
  const own = cluster['proxy-url'];
  if (own !== undefined && !/^https?:/.test(own)) {
    throw new Error(`${source}: proxy-url ${own}: only http and https proxies can be used`);
  }
  if (own !== undefined) return { HTTPS_PROXY: own, HTTP_PROXY: own };
  return Object.fromEntries(
    ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap((name) => {
      const value = env[name.toLowerCase()] ?? env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** The authorities to trust, or undefined for Node's own list. */
function authorities({ cluster }: Target, extraCaFile: string | undefined): string[] | undefined {
  const data = cluster['certificate-authority-data'];
  const file = cluster['certificate-authority'];
  const own = data ? Buffer.from(data, 'base64').toString() : file ? readFileSync(file, 'utf8') : undefined;
  if (extraCaFile === undefined) return own === undefined ? undefined : [own];
  return [...(own === undefined ? getCACertificates('default') : [own]), readFileSync(extraCaFile, 'utf8')];
}

/** The whole of a streamed answer. */
export function readText(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => {
      text += chunk;
    });
    answer.once('end', () => resolve(text));
    answer.once('error', reject);
    answer.once('close', () => reject(new Error('the connection ended before the answer did')));
  });
}

function isReset(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function abortError(signal: AbortSignal | undefined): Error {
  return new Error('aborted', { cause: signal?.reason });
}

function noAnswer(call: Call, cause: unknown): KubeError {
  const message = cause instanceof Error && cause.message !== '' ? cause.message : String(cause);
  return new KubeError(call.what, { status: 0, reason: 'NoAnswer', body: { message }, cause });
}
