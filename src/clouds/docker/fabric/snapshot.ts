/**
 * What is known of one engine, shared by all scopes there and by the list of machines. Each kind of read is kept and
 * refreshed by itself; whoever changes something expires it.
 */
import { parseStats, type ServerStats } from '../../../haproxy/stats.ts';
import { CloudError } from '../../cloud.ts';
import type { CallOptions, Sdk } from '../sdk.ts';
import type { ListedContainer, Network, Volume } from '../shapes.ts';
import { labelFilter } from '../tags.ts';
import { FILES, readConfig, statsCommand } from './config.ts';
import type { BalancerDetail } from './found.ts';
import { createPart, type Part } from './part.ts';
import { rememberUp } from './remember.ts';
import { type Leaving, readTold, type Told, untold } from './told.ts';

export interface Snapshot {
  /** All with our cluster label, in any state. */
  readonly containers: Part<readonly ListedContainer[]>;
  /** All that there are: some are used by their name. */
  readonly networks: Part<readonly Network[]>;
  /** All with our cluster label. */
  readonly volumes: Part<readonly Volume[]>;
  /** By id of a container that runs. */
  readonly balancer: (id: string) => Part<BalancerDetail>;
  /** Drops what is known of balancers that are gone. */
  prune(): void;
}

export interface SnapshotOptions {
  readonly sdk: Sdk;
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Aborted when the session is closed. */
  readonly closed: AbortSignal;
}

/** A reload needs a moment; before that its processes tell nothing. */
const RELOAD_MS = 2_000;
/** The one that takes signals, and the one that works. Every further one has connections of an earlier configuration. */
const PROCESSES = 2;

export function createSnapshot({ sdk, cluster, now, closed }: SnapshotOptions): Snapshot {
  const containers = createPart({
    now,
    closed,
    read: (asker) => sdk.listContainers(labelFilter(cluster), asker),
  });
  const networks = createPart({ now, closed, read: (asker) => sdk.listNetworks({}, asker) });
  const volumes = createPart({
    now,
    closed,
    read: (asker) => sdk.listVolumes(labelFilter(cluster), asker),
  });
  const balancers = new Map<string, Part<BalancerDetail>>();

  function balancerOf(id: string): Part<BalancerDetail> {
    const known = balancers.get(id);
    if (known !== undefined) return known;
    const remembering = rememberUp();
    const detail = createPart({
      now,
      closed,
      read: async (asker): Promise<BalancerDetail> => {
        const { config, leaving } = await readApplied(sdk, id, asker);
        const { statsPort } = readConfig(config);
        const stats = statsPort === undefined ? undefined : await readStats(sdk, id, statsPort, asker);
        return {
          config,
          ...(stats === undefined ? {} : { stats: remembering(stats) }),
          checking: stats?.some(({ status }) => status === 'checking') ?? false,
          draining: await stillDraining(id, leaving, asker),
        };
      },
      moving: ({ stats, checking, draining }) =>
        draining.length > 0 || checking || stats === undefined || stats.some(({ status }) => status !== 'up'),
    });
    balancers.set(id, detail);
    return detail;
  }

  /** As long as a process of an earlier configuration has connections, and at most until it cuts them. */
  async function stillDraining(
    id: string,
    leaving: readonly Leaving[],
    asker: CallOptions,
  ): Promise<readonly Leaving[]> {
    const open = leaving.filter(({ until }) => until > now());
    if (open.length === 0) return [];
    const newest = Math.max(...open.map(({ at }) => at));
    if (now() - newest < RELOAD_MS) return open;
    return (await countProcesses(sdk, id, asker)) > PROCESSES ? open : [];
  }

  return {
    containers,
    networks,
    volumes,
    balancer: balancerOf,
    prune: () => {
      const alive = new Set(containers.value()?.map(({ Id }) => Id));
      for (const id of balancers.keys()) if (!alive.has(id)) balancers.delete(id);
    },
  };
}

async function readApplied(sdk: Sdk, id: string, asker: CallOptions): Promise<Told> {
  try {
    return readTold(await sdk.readArchive(id, FILES.folder, asker));
  } catch (thrown) {
    if (thrown instanceof CloudError && thrown.code === 'notFound') return untold;
    throw thrown;
  }
}

/** None in a container that does not run: with it, all connections have ended. */
async function countProcesses(sdk: Sdk, id: string, asker: CallOptions): Promise<number> {
  try {
    return await sdk.countProcesses(id, asker);
  } catch (thrown) {
    if (thrown instanceof CloudError && thrown.reason === 'Conflict') return 0;
    throw thrown;
  }
}

/** Undefined while it does not answer: it starts, or it has just ended. */
async function readStats(
  sdk: Sdk,
  id: string,
  port: number,
  asker: CallOptions,
): Promise<readonly ServerStats[] | undefined> {
  try {
    const { exitCode, stdout } = await sdk.execute(id, statsCommand(port), asker);
    return exitCode === 0 ? parseStats(stdout) : undefined;
  } catch (thrown) {
    if (thrown instanceof CloudError && thrown.reason !== 'Conflict') throw thrown;
    return undefined;
  }
}
