import type { Caller } from './call.ts';
import type { Clock } from './clock.ts';
import { createRegion, type Region, type Settings } from './region.ts';
import type { Identities } from './sts.ts';

/** All accounts and regions, made when first looked at, and who may come in. */
export interface World extends Identities {
  region(name: string, account?: string): Region;
  regions(): readonly Region[];
  /** Undefined for a key that nobody issued. */
  callerOf(accessKeyId: string): Caller | undefined;
  /** From now on this key is good for that account. */
  allowKey(accessKeyId: string, account: string): void;
  /** From now on this key is refused. */
  forbidKey(accessKeyId: string): void;
  /** From now on a role insists on an external id; undefined: on none. */
  trust(roleArn: string, externalId: string | undefined): void;
}

export function createWorld(options: {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly accountId: string;
  /** Accounts by access key id; absent: every key is good, for `accountId`. */
  readonly credentials: Readonly<Record<string, string>> | undefined;
}): World {
  const { clock, settings, accountId } = options;
  const regions = new Map<string, Region>();
  const keys = new Map(Object.entries(options.credentials ?? {}));
  const forbidden = new Set<string>();
  const sessions = new Map<string, Caller>();
  const externalIds = new Map<string, string>();

  return {
    region: (name, account = accountId) => {
      const key = `${account}/${name}`;
      const known = regions.get(key);
      if (known !== undefined) return known;
      // Each region counts its ids from another start, so that no two regions share one.
      const region = createRegion({ name, account, clock, settings, seed: BigInt(regions.size + 1) << 40n });
      regions.set(key, region);
      return region;
    },
    regions: () => Array.from(regions.values()),
    callerOf: (accessKeyId) => {
      if (forbidden.has(accessKeyId)) return undefined;
      const session = sessions.get(accessKeyId);
      if (session !== undefined) return session;
      const account = keys.get(accessKeyId) ?? (options.credentials === undefined ? accountId : undefined);
      if (account === undefined) return undefined;
      return {
        accessKeyId,
        account,
        arn: `arn:aws:iam::${account}:user/sandbox`,
        userId: 'AIDASANDBOX000000000',
      };
    },
    allowKey: (accessKeyId, account) => {
      forbidden.delete(accessKeyId);
      keys.set(accessKeyId, account);
    },
    forbidKey: (accessKeyId) => {
      forbidden.add(accessKeyId);
    },
    issue: (caller) => {
      sessions.set(caller.accessKeyId, caller);
    },
    externalIdOf: (roleArn) => externalIds.get(roleArn),
    trust: (roleArn, externalId) => {
      if (externalId === undefined) externalIds.delete(roleArn);
      else externalIds.set(roleArn, externalId);
    },
  };
}
