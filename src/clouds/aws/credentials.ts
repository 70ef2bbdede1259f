/** From a CloudCredential's `aws` member to keys: of a Secret or of the surroundings, then through the chain of roles. */
import { type CallGate, CloudError, type SecretData } from '../cloud.ts';
import { toCloudError } from './errors.ts';
import { costOf } from './limits.ts';
import type { AwsCredential } from './schema.ts';
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
}

/** Keys that end within this time count as ended, so that none expires on its way. The SDK uses the same margin. */
const marginMs = 5 * 60_000;

/** Throws `invalid` at once when the Secret lacks a key; everything else shows with the first call. */
export async function createCredentials(options: CredentialOptions): Promise<() => Promise<AwsKeys>> {
  const { credential, gate, now, signal } = options;
  const source = await import('@aws-sdk/credential-providers');
  const requestHandler = connections();
  signal.addEventListener('abort', () => {
    for (const agent of Object.values(requestHandler)) agent.destroy();
  });
  // The region roles are assumed in: any of the partition will do, ours certainly is one.
  const clientConfig = { region: credential.defaultRegion ?? options.region, maxAttempts: 1, requestHandler };
  const base =
    credential.source === 'Secret'
      ? ofSecret(options.secret)
      : named('ambient credentials', source.fromNodeProviderChain({ clientConfig }));

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
      return remembered(now, () => gate({ ...call, signal }, () => named('AssumeRole', assume)()));
    },
    remembered(now, base),
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

/** Says which step towards the keys failed. Whatever call needed the keys was not made. */
function named(api: string, provide: () => Promise<AwsKeys>): () => Promise<AwsKeys> {
  return async () => {
    try {
      return await provide();
    } catch (thrown) {
      throw toCloudError({ api, write: false, sent: true }, thrown);
    }
  };
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
