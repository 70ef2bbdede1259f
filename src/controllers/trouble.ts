/** One place turns an error of a cloud into what users see and how long we wait. */

import type { Reason } from '../api/reasons.ts';
import { CloudError, type CloudErrorCode } from '../clouds/cloud.ts';

interface Handling {
  readonly reason: Reason;
  /** Delay before the next try after the first failure, doubled with each further one up to `maxMs`. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Only a person can mend it. `inTheEnd`: it mostly passes by itself, and when the waits are at their longest it has not. */
  readonly stalled: boolean | 'inTheEnd';
}

const minute = 60_000;

const HANDLING: Readonly<Record<CloudErrorCode, Handling>> = {
  notFound: { reason: 'NotFound', baseMs: 10_000, maxMs: 10 * minute, stalled: true },
  alreadyExists: { reason: 'AlreadyExists', baseMs: 10_000, maxMs: 10 * minute, stalled: true },
  throttled: { reason: 'Throttled', baseMs: 2_000, maxMs: minute, stalled: false },
  outOfCapacity: { reason: 'OutOfCapacity', baseMs: 30_000, maxMs: 10 * minute, stalled: false },
  quota: { reason: 'QuotaExceeded', baseMs: minute, maxMs: 10 * minute, stalled: true },
  unauthorized: { reason: 'Unauthorized', baseMs: 15_000, maxMs: 5 * minute, stalled: true },
  invalid: { reason: 'InvalidRequest', baseMs: minute, maxMs: 30 * minute, stalled: true },
  unavailable: { reason: 'CloudUnavailable', baseMs: 1_000, maxMs: minute, stalled: 'inTheEnd' },
  unsupported: { reason: 'Unsupported', baseMs: 10 * minute, maxMs: 30 * minute, stalled: true },
};

/** A cloud says so of what goes on behind the call and only takes its time: the same call is to be made again. */
const UNDER_WAY: ReadonlyMap<string, Handling> = new Map([
  ['ImageIsBeingPulled', { reason: 'Progressing', baseMs: 5_000, maxMs: 5_000, stalled: false }],
]);

/** Refusals that a cloud makes in its own name, before a call, and for which users have a word of their own. */
const OWN_WORDS: ReadonlyMap<string, Reason> = new Map([
  ['SecretKeyMissing', 'SecretKeyMissing'],
  ['UserDataTooLarge', 'UserDataTooLarge'],
  ['NoDefaultVpc', 'NetworkNotFound'],
  ['VpcNotFound', 'NetworkNotFound'],
  ['SubnetNotFound', 'NetworkNotFound'],
  ['NoSubnetInZone', 'NetworkNotFound'],
  ['NetworkNotFound', 'NetworkNotFound'],
  ['AmbiguousVpc', 'AmbiguousNetwork'],
  ['AmbiguousNetwork', 'AmbiguousNetwork'],
  ['SubnetsOfTwoVpcs', 'AmbiguousNetwork'],
  ['VpcChanged', 'NetworkChanged'],
  ['BalancerNeedsTwoZones', 'TooFewZones'],
]);

/** What stands in the way, as conditions and waits need it. */
export interface Trouble {
  readonly reason: Reason;
  readonly message: string;
  readonly stalled: boolean;
  readonly retryAfterMs: number;
}

/** A credential that cannot be used as things stand; only a person can mend it. */
export class CredentialTrouble extends Error {
  override readonly name = 'CredentialTrouble';
  readonly reason: Reason;

  constructor(reason: Reason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A missing Secret is looked for again: its creation is announced to nobody. */
const credentialRetryMs = 15_000;

/** Undefined for errors that are no trouble of a cloud or a credential: those are the queue's. */
export function troubleOf(error: unknown, failures: number): Trouble | undefined {
  if (error instanceof CredentialTrouble) {
    const { reason, message } = error;
    return { reason, message, stalled: true, retryAfterMs: credentialRetryMs };
  }
  if (!(error instanceof CloudError)) return undefined;
  const handling = error.code === 'unavailable' ? UNDER_WAY.get(error.reason) : undefined;
  const { reason, baseMs, maxMs, stalled } = handling ?? HANDLING[error.code];
  const retryAfterMs = Math.min(baseMs * 2 ** Math.min(failures, 20), maxMs);
  const isRefusal = error.code === 'invalid' || error.code === 'notFound';
  const own = isRefusal ? OWN_WORDS.get(error.reason) : undefined;
  return {
    reason: own ?? reason,
    message: error.message,
    stalled: stalled === 'inTheEnd' ? retryAfterMs === maxMs : stalled,
    retryAfterMs,
  };
}

/** `30 s`, `5 min`. */
export function spell(ms: number): string {
  return ms < 2 * minute ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / minute)} min`;
}
