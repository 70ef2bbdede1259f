/** Opens AWS for one credential and one region. */
import type { CloudSession, Identity, OpenOptions } from '../cloud.ts';
import { CloudError } from '../cloud.ts';
import { awsCredential } from './credential-schema.ts';
import { createCredentials } from './credentials.ts';
import { createFabric } from './fabric.ts';
import { createMachines } from './machines.ts';
import { parse } from './parse.ts';
import { createSdk } from './sdk.ts';

export async function open(options: OpenOptions): Promise<CloudSession> {
  const { region, cluster, gate, now } = options;
  const closed = new AbortController();
  const credentials = await createCredentials({
    credential: parse(awsCredential, options.credential, 'aws'),
    ...(options.secret === undefined ? {} : { secret: options.secret }),
    region,
    cluster,
    gate,
    now,
    signal: closed.signal,
  });
  const sdk = await createSdk({ region, credentials, gate });
  return {
    region,
    machines: createMachines({ sdk, cluster, now, closed: closed.signal }),
    fabric: createFabric({ sdk, cluster, region, now }),
    verify: async (signal): Promise<Identity> => {
      const { Account, Arn } = await sdk.getCallerIdentity({}, { signal });
      if (Account !== undefined && Arn !== undefined) return { account: Account, principal: Arn };
      throw new CloudError({
        api: 'GetCallerIdentity',
        code: 'unavailable',
        outcome: 'none',
        reason: 'IncompleteAnswer',
        message: 'the answer names no account or no principal',
      });
    },
    close: () => {
      closed.abort(new Error('the session was closed'));
      sdk.close();
    },
  };
}
