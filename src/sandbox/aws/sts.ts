import type { Call, Caller, Handlers } from './call.ts';
import { invalid, refuse } from './errors.ts';
import { leaf, node, timestamp } from './xml.ts';

/** Whom session keys stand for, and which roles ask for more than a name. */
export interface Identities {
  /** Remembers the holder of a fresh session key. */
  issue(caller: Caller): void;
  /** The external id that a role insists on; undefined: it lets anyone in. */
  externalIdOf(roleArn: string): string | undefined;
}

export function stsHandlers(identities: Identities): Handlers {
  return {
    GetCallerIdentity: ({ caller }) =>
      leaf('Arn', caller.arn) + leaf('UserId', caller.userId) + leaf('Account', caller.account),
    AssumeRole: (call) => {
      const roleArn = call.params.text('RoleArn') ?? '';
      const wanted = identities.externalIdOf(roleArn);
      if (wanted !== undefined && wanted !== call.params.text('ExternalId')) {
        throw refuse(
          'AccessDenied',
          `User: ${call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
          403,
        );
      }
      return assume(call, identities, roleArn);
    },
    // What a service account's token is exchanged for; the token itself is not looked into.
    AssumeRoleWithWebIdentity: (call) => {
      if (!call.params.has('WebIdentityToken'))
        throw invalid("1 validation error detected: 'webIdentityToken' is null");
      return assume(call, identities, call.params.text('RoleArn') ?? '');
    },
  };
}

function assume(call: Call, identities: Identities, roleArn: string): string {
  const { params, region, now } = call;
  const match = /^arn:aws:iam::(\d{12}):role\/(?:.*\/)?([\w+=,.@-]+)$/.exec(roleArn);
  const session = params.text('RoleSessionName') ?? '';
  if (match?.[1] === undefined || match[2] === undefined) throw invalid(`${roleArn} is invalid`);
  if (!/^[\w+=,.@-]{2,64}$/.test(session))
    throw invalid(`1 validation error detected: Value '${session}' at 'roleSessionName'`);
  const durationSeconds = Number(params.text('DurationSeconds') ?? '3600');
  if (durationSeconds < 900 || durationSeconds > 43_200) {
    throw invalid(`1 validation error detected: Value '${durationSeconds}' at 'durationSeconds'`);
  }
  const roleId = 'AROASANDBOX000000000';
  const caller: Caller = {
    accessKeyId: `ASIA${region.ids.suffix().toUpperCase()}`,
    account: match[1],
    arn: `arn:aws:sts::${match[1]}:assumed-role/${match[2]}/${session}`,
    userId: `${roleId}:${session}`,
  };
  identities.issue(caller);
  return (
    node(
      'Credentials',
      leaf('AccessKeyId', caller.accessKeyId),
      leaf('SecretAccessKey', `simulated/${region.ids.suffix()}`),
      leaf('SessionToken', `simulated-session-${region.ids.suffix()}`),
      leaf('Expiration', timestamp(now + durationSeconds * 1000)),
    ) + node('AssumedRoleUser', leaf('AssumedRoleId', caller.userId), leaf('Arn', caller.arn))
  );
}
