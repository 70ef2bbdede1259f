/** The part of a metav1.Status that tells why a call was refused. */
export interface StatusBody {
  readonly message?: string | undefined;
  /** `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Forbidden`, `Expired`, ... */
  readonly reason?: string | undefined;
  readonly code?: number | undefined;
  readonly details?:
    | {
        readonly retryAfterSeconds?: number | undefined;
        readonly causes?:
          | readonly {
              readonly reason?: string | undefined;
              readonly message?: string | undefined;
              readonly field?: string | undefined;
            }[]
          | undefined;
      }
    | undefined;
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly body?: StatusBody;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** A call to the API server that did not succeed. `status` 0: no answer came, so a write may have happened or not. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly body: StatusBody | undefined;
  /** How long the server asked to be left alone, if it did. */
  readonly retryAfterMs: number | undefined;

  constructor(call: string, { status, reason, body, retryAfterSeconds, cause }: Refusal) {
    super(`${call}: ${body?.message ?? reason}`, cause === undefined ? undefined : { cause });
    this.status = status;
    this.reason = reason;
    this.body = body;
    this.retryAfterMs = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000;
  }
}

/** 0 when the server asked for no time: 429 of its priority and fairness, 503 at its start and its end. */
export function askedPauseMs(error: unknown): number {
  return error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** Somebody else wrote first: read again. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.reason === 'AlreadyExists';
}

export function isForbidden(error: unknown): boolean {
  return error instanceof KubeError && error.status === 403;
}

/** A namespace on its way out takes no new object, Events included. */
export function isForbiddenNamespaceTerminating(error: unknown): boolean {
  return (
    isForbidden(error) &&
    error instanceof KubeError &&
    (error.body?.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}

/** The resourceVersion or continue token is too old: list anew. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.reason === 'Expired');
}
