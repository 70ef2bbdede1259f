/**
 * What an engine says, in our words. It answers a status and a sentence, and no code: the table goes by call and status,
 * and nothing here or elsewhere reads the sentence.
 * https://docs.docker.com/reference/api/engine/version/v1.41/
 */
import { describeError } from '../../runtime/errors.ts';
import { CloudError, type CloudErrorCode, type CloudErrorFacts } from '../cloud.ts';
import type { Api } from './limits.ts';

interface Meaning {
  readonly code: CloudErrorCode;
  readonly reason: string;
}

/** Whatever the call. A conflict is with what is under way: it ends by itself. */
const STATUSES: Readonly<Record<number, Meaning>> = {
  400: { code: 'invalid', reason: 'BadParameter' },
  401: { code: 'unauthorized', reason: 'Unauthorized' },
  403: { code: 'unauthorized', reason: 'Forbidden' },
  404: { code: 'notFound', reason: 'NotFound' },
  409: { code: 'unavailable', reason: 'Conflict' },
  429: { code: 'throttled', reason: 'TooManyRequests' },
  500: { code: 'unavailable', reason: 'ServerError' },
  501: { code: 'unsupported', reason: 'NotImplemented' },
  503: { code: 'unavailable', reason: 'Unavailable' },
};

/** What a status says of one call alone; tried on engines of API 1.41. */
const OF_CALLS: { readonly [Name in Api]?: Readonly<Record<number, Meaning>> } = {
  ContainerCreate: { 409: { code: 'alreadyExists', reason: 'NameTaken' } },
  ContainerRename: { 409: { code: 'alreadyExists', reason: 'NameTaken' } },
  // The container is there; its network is not, and is made again.
  ContainerStart: {
    400: { code: 'invalid', reason: 'CommandNotRunnable' },
    404: { code: 'unavailable', reason: 'NetworkGone' },
    500: { code: 'unavailable', reason: 'StartFailed' },
  },
  PutContainerArchive: {
    403: { code: 'invalid', reason: 'ReadOnly' },
    404: { code: 'invalid', reason: 'PathNotFound' },
  },
  // All address pools are in use; a further network would overlap with another.
  NetworkCreate: {
    403: { code: 'quota', reason: 'NoAddressPool' },
    404: { code: 'quota', reason: 'NoAddressPool' },
    409: { code: 'alreadyExists', reason: 'NameTaken' },
  },
  // Something is attached to it.
  NetworkDelete: { 403: { code: 'unavailable', reason: 'InUse' } },
  VolumeDelete: { 409: { code: 'unavailable', reason: 'InUse' } },
  // A registry hides what one may not see: a wrong login is told as a missing image, too.
  ImageCreate: {
    401: { code: 'unauthorized', reason: 'PullDenied' },
    403: { code: 'unauthorized', reason: 'PullDenied' },
    404: { code: 'notFound', reason: 'ImageNotFound' },
    500: { code: 'unavailable', reason: 'PullFailed' },
  },
};

/** Socket errors of a connection that never stood: no byte of the request was sent. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTSOCK',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/** The engine's socket is there and not for us. */
const NO_ACCESS = new Set(['EACCES', 'EPERM']);

/** TLS that did not come about: Node's and OpenSSL's codes. The request follows the handshake. */
const NEVER_TRUSTED = /^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|DEPTH_ZERO_|UNABLE_TO_|SELF_SIGNED_|EPROTO$)/;

export interface FailedCall {
  readonly api: Api;
  readonly write: boolean;
  /** By the deadline or by whoever asked for it. */
  readonly calledOff?: boolean;
}

/** Turns whatever a call threw into the one error a cloud throws. A CloudError stays as it is. */
export function toCloudError(call: FailedCall, thrown: unknown): CloudError {
  return thrown instanceof CloudError ? thrown : new CloudError(factsOf(call, thrown));
}

export function factsOf(call: FailedCall, thrown: unknown): CloudErrorFacts {
  const { status, said } = answerIn(thrown);
  const socket = textAt(thrown, 'code');
  const { code, reason } =
    status === undefined ? withoutAnswer(call, thrown, socket) : meaningOf(call.api, status);
  const certain = status === undefined ? isUnsent(thrown, socket) : status < 500;
  return {
    api: call.api,
    code,
    outcome: certain || !call.write ? 'none' : 'unknown',
    reason,
    message: said ?? messageOf(thrown),
    // The client frames the same sentence in words of its own: told with its cause, the error would say it twice.
    cause: status === undefined ? thrown : Object.assign(new Error(said), { statusCode: status }),
  };
}

export function meaningOf(api: Api, status: number): Meaning {
  const known = OF_CALLS[api]?.[status] ?? STATUSES[status];
  if (known !== undefined) return known;
  return { code: status >= 400 && status < 500 ? 'invalid' : 'unavailable', reason: `Http${status}` };
}

/**
 * Of a container that was made and could not start, as its reply would have told. The engine keeps an exit code and the
 * sentence: 126 and 127, set with a 400, for a command that cannot be run or is not there, 128 for all else.
 * https://github.com/moby/moby/blob/v27.0.0/daemon/errors.go
 */
export function meaningOfStart(exitCode: number): Meaning {
  return meaningOf('ContainerStart', exitCode === 126 || exitCode === 127 ? 400 : 500);
}

/** The engine itself said no, and not the line to it. */
export function wasAnswered({ cause }: CloudError): boolean {
  return answerIn(cause).status !== undefined;
}

/** The same refusal, where more is known of what was done. */
export function withOutcome(error: CloudError, outcome: CloudError['outcome']): CloudError {
  const { code, api, reason, cause, words: message } = error;
  return new CloudError({ code, api, reason, cause, message, outcome });
}

/** The same refusal, with the engine that it is about: who has several reads which. */
export function withPlace(error: CloudError, place: string): CloudError {
  const { code, api, reason, cause, outcome, words } = error;
  if (words.includes(place)) return error;
  return new CloudError({ code, api, reason, cause, outcome, message: `engine ${place}: ${words}` });
}

/** For removals: what is gone already needs no removing. */
export async function orIfGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (thrown) {
    if (!(thrown instanceof CloudError) || thrown.code !== 'notFound') throw thrown;
  }
}

function withoutAnswer({ calledOff }: FailedCall, thrown: unknown, socket: string | undefined): Meaning {
  if (calledOff) return { code: 'unavailable', reason: 'NoAnswer' };
  if (socket !== undefined && (NO_ACCESS.has(socket) || NEVER_TRUSTED.test(socket)))
    return { code: 'unauthorized', reason: socket };
  if (isUnsent(thrown, socket)) return { code: 'unavailable', reason: socket ?? 'NoConnection' };
  return { code: 'unavailable', reason: 'NoAnswer' };
}

function isUnsent(thrown: unknown, socket: string | undefined): boolean {
  const syscall = textAt(thrown, 'syscall');
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  return socket !== undefined && (NEVER_CONNECTED.has(socket) || NEVER_TRUSTED.test(socket));
}

/** The HTTP client's error carries the status, and the body with the engine's sentence. */
function answerIn(thrown: unknown): { readonly status?: number; readonly said?: string } {
  if (!(thrown instanceof Error) || !('statusCode' in thrown) || typeof thrown.statusCode !== 'number') {
    return {};
  }
  const body: unknown = 'json' in thrown ? thrown.json : undefined;
  const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  // Of a stream only the client's own sentence is left: `(HTTP code 404) unexpected - no such image`.
  const framed = /^\(HTTP code \d+\) [^-]*- (.*)$/s.exec(thrown.message)?.[1];
  return {
    status: thrown.statusCode,
    said: (typeof said === 'string' ? said : (framed ?? thrown.message)).trim(),
  };
}

function textAt(thrown: unknown, key: string): string | undefined {
  const value: unknown =
    thrown instanceof Error ? Object.getOwnPropertyDescriptor(thrown, key)?.value : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error && thrown.message !== '' ? thrown.message.trim() : describeError(thrown);
}
