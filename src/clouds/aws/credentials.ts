/** From a CloudCredential's `aws` member to keys: of a Secret or of the surroundings, then through the chain of roles. */
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { unlessAborted, withDeadline } from '../../runtime/deadline.ts';
import { type CallGate, CloudError, type SecretData } from '../cloud.ts';
import type { AwsCredential } from './credential-schema.ts';
import { toCloudError } from './errors.ts';
import { costOf } from './limits.ts';
import { type AwsKeys, connections } from './sdk.ts';

export interface CredentialOptions {
  readonly credential: AwsCredential;
  readonly secret?: SecretData;
  readonly region: string;
  readonly cluster: string;
  readonly gate: CallGate;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Aborted when the session is closed. */
  readonly signal: AbortSignal;
  /** For deadlines only. */
  readonly clock?: Clock;
}

/** Keys that end within this time count as ended, so that none expires on its way. The SDK uses the same margin. */
const marginMs = 5 * 60_000;
/** For each step towards the keys. */
const deadlineMs = 20_000;

const mendAmbient =
  'give the operator an identity (serviceAccount.annotations in the chart, the role of its machine, AWS_ variables), or use `source: Secret`';

/**
 * Throws `invalid` at once when the Secret lacks a key; everything else shows with the first call. Ambient keys do not pass
 * the gate: they come from the machine around us, or by a call an hour that draws on no budget.
 */
export async function createCredentials(options: CredentialOptions): Promise<() => Promise<AwsKeys>> {
  const { credential, gate, now, signal, clock = systemClock } = options;
  const source = await import('@aws-sdk/credential-providers');
  const requestHandler = connections();
  signal.addEventListener('abort', () => {
    requestHandler.httpAgent.destroy();
    requestHandler.httpsAgent.destroy();
  });
  // The region roles are assumed in: any of the partition will do, ours certainly is one.
  const clientConfig = { region: credential.defaultRegion ?? options.region, maxAttempts: 1, requestHandler };

  function ambient(): () => Promise<AwsKeys> {
    // Shared until it ends, even when nobody waits any more: who asks again must not start one more program that hangs.
    const provide = remembered(now, source.fromNodeProviderChain({ clientConfig }));
    return () => step({ api: 'ambient credentials', signal, clock, mend: mendAmbient }, provide);
  }

  return (credential.assumeRole ?? []).reduce(
    (masterCredentials, role) => {
      const assume = source.fromTemporaryCredentials({
        masterCredentials,
        clientConfig,
        params: {
          RoleArn: role.roleArn,
          RoleSessionName: role.sessionName ?? sessionName(options.cluster),
          ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
          ...(role.durationSeconds === undefined ? {} : { DurationSeconds: role.durationSeconds }),
        },
      });
      const call = costOf('AssumeRole', 0);
      return remembered(now, async () => {
        // First, so that the time they take is not this step's.
        await masterCredentials();
        return gate({ ...call, signal }, (granted) =>
          step({ api: call.api, signal: granted, clock }, assume),
        );
      });
    },
    credential.source === 'Secret' ? ofSecret(options.secret) : ambient(),
  );
}

function ofSecret(secret: SecretData | undefined): () => Promise<AwsKeys> {
  const read = (key: string) => secret?.get(key)?.reveal().trim();
  const required = (key: string) => {
    const value = read(key);
    if (value !== undefined && value !== '') return value;
    throw new CloudError({
      api: 'credential',
      code: 'invalid',
      outcome: 'none',
      reason: 'SecretKeyMissing',
      message: `the Secret has no key ${key}`,
    });
  };
  const sessionToken = read('aws_session_token');
  const keys = {
    accessKeyId: required('aws_access_key_id'),
    secretAccessKey: required('aws_secret_access_key'),
    ...(sessionToken === undefined || sessionToken === '' ? {} : { sessionToken }),
  };
  return async () => keys;
}

interface Step {
  readonly api: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** What to do where there are none. */
  readonly mend?: string;
}

/**
 * Says which step towards the keys failed; whatever call needed them was not made. The SDK's providers take no signal: one
 * that is given up ends by the timeouts of its connection.
 */
async function step({ api, signal, clock, mend }: Step, provide: () => Promise<AwsKeys>): Promise<AwsKeys> {
  try {
    return await withDeadline({ signal, deadlineMs, clock, what: 'waiting for keys' }, (until) =>
      unlessAborted(until, provide()),
    );
  } catch (thrown) {
    const error = toCloudError({ api, write: false, sent: true }, thrown);
    // The SDK has found none, and says no more than that.
    if (mend === undefined || error.reason !== 'CredentialsProviderError') throw error;
    throw new CloudError({ ...error, message: `${error.words}; ${mend}`, cause: thrown });
  }
}

/** Each SDK client asks for keys on its own; this way they share one answer until it is about to expire. */
function remembered(now: () => number, provide: () => Promise<AwsKeys>): () => Promise<AwsKeys> {
  let running: Promise<AwsKeys> | undefined;
  let kept: AwsKeys | undefined;
  return async () => {
    const expires = kept?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (kept !== undefined && expires - now() > marginMs) return kept;
    running ??= provide().finally(() => {
      running = undefined;
    });
    kept = await running;
    return kept;
  };
}

/** At most 64 characters of those STS allows. */
function sessionName(cluster: string): string {
  return `peerage-${cluster}`.replace(/[^\w+=,.@-]/g, '-').slice(0, 64);
}
