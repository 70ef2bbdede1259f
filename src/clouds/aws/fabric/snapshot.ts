/**
 * What is known of one account and region, shared by all scopes there. Each kind of read is kept and refreshed by itself;
 * own writes are noted in it at once. ELBv2 lists cannot be filtered by tag, so they are read whole, and the tags of
 * everything that is named like ours.
 */
import type { Sdk } from '../sdk.ts';
import type { Balancer, Group, Listener, Pool, Tagged, Target } from './found.ts';
import { couldBeOurs } from './names.ts';
import { type NetworkAnswer, readNetwork } from './network.ts';
import { type Asker, createPart, type Part } from './part.ts';
import {
  readBalancerAttributes,
  readBalancers,
  readGroups,
  readListeners,
  readPoolAttributes,
  readPools,
  readTagged,
  readTargets,
} from './reads.ts';
import type { Settings } from './settings.ts';

export interface Snapshot {
  readonly groups: Part<Group>;
  readonly balancers: Part<Balancer>;
  readonly pools: Part<Pool>;
  /** By ARN, of balancers, listeners and target groups. */
  readonly tagged: Part<Tagged>;
  /** By ARN of the balancer. */
  readonly listeners: (balancerArn: string) => Part<Listener>;
  readonly balancerAttributes: (arn: string) => Part<string>;
  readonly poolAttributes: (arn: string) => Part<string>;
  readonly targets: (poolArn: string) => Part<Target>;
  /** Targets that AWS would not take the last time, by `instance:port`. */
  readonly refused: (poolArn: string) => Set<string>;
  /** Reads the tags of what has been listed since the tags were read. */
  learnTags(arns: readonly string[], asker: Asker): Promise<void>;
  network(settings: Settings, maxAgeMs: number, asker: Asker): Promise<NetworkAnswer>;
  /** Drops what is known of balancers and target groups that are gone. */
  prune(): void;
}

/**
 * VPC and zone of a subnet never change, and a network in use cannot go away: worth another look every ten minutes,
 * unless it is the trouble.
 */
const NETWORK_AGE_MS = 10 * 60_000;

export function createSnapshot(options: {
  readonly sdk: Sdk;
  readonly cluster: string;
  readonly region: string;
  readonly now: () => number;
}): Snapshot {
  const { sdk, cluster, region, now } = options;
  const groups = createPart({ now, read: (asker) => readGroups(sdk, cluster, asker) });
  const balancers = createPart({
    now,
    read: (asker) => readBalancers(sdk, asker),
    moving: (balancer) =>
      balancer.state === 'provisioning' && tagged.rows().get(balancer.arn)?.owner !== 'other',
  });
  const pools = createPart({ now, read: (asker) => readPools(sdk, asker) });
  const listeners = perArn((arn) =>
    createPart({
      now,
      read: (asker) => readListeners(sdk, arn, asker),
      young: () => balancers.isMade(arn),
    }),
  );
  const tagged: Part<Tagged> = createPart({
    now,
    read: (asker) => {
      const named = candidates({ balancers, pools }).map(({ arn }) => arn);
      const heard = listeners.all().flatMap((part) => Array.from(part.rows().keys()));
      return readTagged(sdk, cluster, [...named, ...heard], asker);
    },
  });
  const balancerAttributes = perArn((arn) =>
    createPart({
      now,
      read: (asker) => readBalancerAttributes(sdk, arn, asker),
      young: () => balancers.isMade(arn),
    }),
  );
  const poolAttributes = perArn((arn) =>
    createPart({
      now,
      read: (asker) => readPoolAttributes(sdk, arn, asker),
      young: () => pools.isMade(arn),
    }),
  );
  const targets = perArn((arn) =>
    createPart({
      now,
      read: (asker) => readTargets(sdk, arn, asker),
      moving: (target) => target.health !== 'healthy' && target.health !== 'unused',
      young: () => pools.isMade(arn),
    }),
  );
  const refused = perArn(() => new Set<string>());
  const networks = new Map<string, Part<NetworkAnswer>>();

  return {
    groups,
    balancers,
    pools,
    tagged,
    listeners: listeners.of,
    balancerAttributes: balancerAttributes.of,
    poolAttributes: poolAttributes.of,
    targets: targets.of,
    refused: refused.of,
    learnTags: async (arns, asker) => {
      const known = tagged.rows();
      const unknown = arns.filter((arn) => !known.has(arn));
      if (unknown.length === 0) return;
      for (const [arn, row] of await readTagged(sdk, cluster, unknown, asker)) tagged.learned(arn, row);
    },
    network: async (settings, maxAgeMs, asker) => {
      const key = JSON.stringify([settings.network, settings.zones]);
      const part =
        networks.get(key) ??
        createPart({
          now,
          read: async (shared) => [['', await readNetwork(sdk, settings, region, shared)] as const],
        });
      networks.set(key, part);
      const known = part.rows().get('');
      await part.ensure(known === undefined || 'trouble' in known ? maxAgeMs : NETWORK_AGE_MS, asker);
      const answer = part.rows().get('');
      if (answer === undefined) throw new Error('a network was read and is not there');
      return answer;
    },
    prune: () => {
      listeners.keep(balancers.rows());
      balancerAttributes.keep(balancers.rows());
      poolAttributes.keep(pools.rows());
      targets.keep(pools.rows());
      refused.keep(pools.rows());
    },
  };
}

/** Balancers and target groups whose tags have to be looked at. */
export function candidates({
  balancers,
  pools,
}: Pick<Snapshot, 'balancers' | 'pools'>): readonly (Balancer | Pool)[] {
  return [...balancers.rows().values(), ...pools.rows().values()].filter(({ name }) => couldBeOurs(name));
}

function perArn<Value>(create: (arn: string) => Value) {
  const parts = new Map<string, Value>();
  return {
    of: (arn: string): Value => {
      const part = parts.get(arn) ?? create(arn);
      parts.set(arn, part);
      return part;
    },
    all: (): readonly Value[] => Array.from(parts.values()),
    keep: (alive: ReadonlyMap<string, unknown>): void => {
      for (const arn of parts.keys()) if (!alive.has(arn)) parts.delete(arn);
    },
  };
}
