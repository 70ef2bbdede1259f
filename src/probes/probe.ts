/** One look at a program: does it do what a health check expects? Knows no kind and no cloud. */
import { connect } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { askHttp, askJsonRpc } from './http.ts';

export type Check =
  /** A connection opens. */
  | { readonly kind: 'tcp' }
  /** A GET is answered with the status. Redirects are not followed. */
  | { readonly kind: 'http'; readonly path: string; readonly status: number }
  | {
      readonly kind: 'jsonRpc';
      readonly path: string;
      readonly method: string;
      readonly params?: readonly unknown[];
      /** What the answer's `result` must be. Absent: any, as long as there is one. */
      readonly result?: unknown;
      /** Where in the `result` a text stands that is to be brought back; '' is the result itself. Absent: nothing is. */
      readonly resultPath?: string;
    };

export interface Endpoint {
  /** IP address or DNS name. */
  readonly host: string;
  readonly port: number;
}

/** Reasons are for people, and show nothing that was sent and nothing of what was answered but codes. */
export type Answer =
  /** `text`: what stands at the `resultPath` of a JSON-RPC call; absent where nothing there is a text of 4 KiB at most. */
  | { readonly outcome: 'passed'; readonly text?: string }
  /** Somebody is there, and it is not as it should be. */
  | { readonly outcome: 'failed'; readonly reason: string }
  /** Nobody could be reached: it may be down, or there may be no way from here. */
  | { readonly outcome: 'unreachable'; readonly reason: string };

export interface ProbeOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly deadlineMs: number;
}

export type Probe = (endpoint: Endpoint, check: Check, options: ProbeOptions) => Promise<Answer>;

/** Never rejects but with the reason of an aborted signal. */
export const probe: Probe = (endpoint, check, { signal, clock, deadlineMs }) => {
  const progress: Progress = { connected: false };
  return withDeadline({ signal, clock, deadlineMs, what: 'probing' }, async (inner) => {
    try {
      inner.throwIfAborted();
      return await ask(endpoint, check, progress, inner);
    } catch (error) {
      signal.throwIfAborted();
      const at = `port ${endpoint.port}: `;
      const { outcome, reason } = inner.aborted ? lateness(progress, deadlineMs) : troubleOf(error, progress);
      return { outcome, reason: at + reason };
    }
  });
};

/** How far a probe came; tells an absent machine from a program that does not answer. */
export interface Progress {
  connected: boolean;
}

function ask(endpoint: Endpoint, check: Check, progress: Progress, signal: AbortSignal): Promise<Answer> {
  switch (check.kind) {
    case 'tcp':
      return askTcp(endpoint, progress, signal);
    case 'http':
      return askHttp(endpoint, check, progress, signal);
    case 'jsonRpc':
      return askJsonRpc(endpoint, check, progress, signal);
  }
}

function askTcp({ host, port }: Endpoint, progress: Progress, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      progress.connected = true;
      socket.destroy();
      resolve({ outcome: 'passed' });
    });
    socket.once('error', reject);
  });
}

/** No route, no name, or an answer of a firewall: it says nothing of the program. */
const NO_WAY: ReadonlyMap<string, string> = new Map([
  ['ETIMEDOUT', 'the connection timed out'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['EHOSTDOWN', 'the host is down'],
  ['ENETDOWN', 'the network is down'],
  ['EADDRNOTAVAIL', 'no address to connect from'],
  ['EACCES', 'connecting is not permitted'],
  ['EPERM', 'connecting is not permitted'],
  ['ENOTFOUND', 'its name is not known'],
  ['EAI_AGAIN', 'its name could not be looked up'],
]);

const BROKEN: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the connection was refused'],
  ['ECONNRESET', 'the connection was reset'],
  ['EPIPE', 'the connection was closed'],
]);

type Trouble = Exclude<Answer, { readonly outcome: 'passed' }>;

function lateness({ connected }: Progress, deadlineMs: number): Trouble {
  const seconds = `within ${deadlineMs / 1000} s`;
  return connected
    ? { outcome: 'failed', reason: `no answer ${seconds}` }
    : { outcome: 'unreachable', reason: `no connection ${seconds}` };
}

function troubleOf(error: unknown, { connected }: Progress): Trouble {
  const code = codeOf(error);
  const noWay = NO_WAY.get(code);
  if (noWay !== undefined && !connected) return { outcome: 'unreachable', reason: noWay };
  if (code.startsWith('HPE_')) return { outcome: 'failed', reason: 'the answer is no HTTP' };
  return { outcome: 'failed', reason: BROKEN.get(code) ?? noWay ?? (code || 'the connection broke') };
}

/** A name with several addresses fails with the errors of all of them. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    const codes = error.errors.map(codeOf);
    return codes.find((code) => !NO_WAY.has(code)) ?? codes[0] ?? '';
  }
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
