/** Containers as the contract's machines. */
import { inParallel } from '../../runtime/parallel.ts';
import { CloudError, type Machine, type Machines } from '../cloud.ts';
import {
  abandoned,
  machineInspected,
  machineListed,
  needsLook,
  type Surroundings,
  unlessStarting,
} from './describe.ts';
import type { Snapshot } from './fabric/snapshot.ts';
import type { Images } from './images.ts';
import { createLaunch } from './launch.ts';
import { hostPortsOf, portTaken } from './ports.ts';
import { isOurs, releaseContainers, removeContainers } from './remove.ts';
import { resolver } from './resolve.ts';
import type { Filters, Sdk } from './sdk.ts';
import type { InspectedContainer, ListedContainer } from './shapes.ts';
import { createShells } from './shells.ts';
import { launchOf } from './tags.ts';
import { createTurns } from './turns.ts';

export interface MachineOptions {
  readonly sdk: Sdk;
  readonly images: Images;
  readonly snapshot: Snapshot;
  readonly cluster: string;
  readonly surroundings: Surroundings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Ids in one list. */
const idLimit = 100;
/** Containers looked at one by one, at a time. */
const lookers = 8;
/** More at a time end no sooner, and each of them later than its deadline. */
const launchesAtOnce = 8;
/** A launch that has waited so long still has time enough for its calls. */
const patienceMs = 60_000;
/** A container is created and started within this, or whoever began has ended. */
const startWithinMs = 60_000;

export function createMachines(options: MachineOptions): Machines {
  const { sdk, images, snapshot, cluster, surroundings, now } = options;
  /** By id, since when a container is seen that was not started; by our own clock, since the engine's may differ. */
  let unstarted: ReadonlyMap<string, number> = new Map();

  /** Tokens of launches under way here. */
  const starting = new Set<string>();

  /** A container that vanishes between the list and the look is left out. */
  async function describe(containers: readonly ListedContainer[], signal: AbortSignal): Promise<Machine[]> {
    const machines = new Map<string, Machine>();
    await inParallel(lookers, containers, async (container) => {
      const machine = needsLook(container.State)
        ? await look(container, signal)
        : machineListed(container, surroundings);
      if (machine !== undefined) machines.set(container.Id, machine);
    });
    return containers.flatMap(({ Id }) => machines.get(Id) ?? []);
  }

  async function look({ Id, Labels }: ListedContainer, signal: AbortSignal): Promise<Machine | undefined> {
    // Asked before the look: afterwards the launch may be over, and what it could not start is gone.
    const isStarting = starting.has(launchOf(Labels)?.token ?? '');
    try {
      const found = await sdk.inspectContainer(Id, { signal });
      const machine = machineInspected(found, surroundings);
      if (found.State.Status !== 'created') return machine;
      return isStarting ? unlessStarting(machine) : await withHolder(machine, found, signal);
    } catch (thrown) {
      if (thrown instanceof CloudError && thrown.code === 'notFound') return undefined;
      throw thrown;
    }
  }

  /** Who has the port of the host that it could not have, if that is the reason. */
  async function withHolder(
    machine: Machine,
    found: InspectedContainer,
    signal: AbortSignal,
  ): Promise<Machine> {
    if (machine.stateReason?.code !== 'StartFailed') return machine;
    const taken = await portTaken(sdk, hostPortsOf(found), { signal });
    if (taken === undefined) return machine;
    const { reason, words, code } = taken;
    return { ...machine, stateReason: { code: reason, message: words, means: code } };
  }

  async function list(signal: AbortSignal): Promise<Machine[]> {
    const all = await snapshot.containers.ensure(0, { signal });
    const ours = all.filter((one) => isOurs(one, cluster) && launchOf(one.Labels) !== undefined);
    const machines = await describe(ours, signal);
    const waiting = machines.filter(
      ({ state, stateReason }) => state === 'pending' && stateReason === undefined,
    );
    unstarted = new Map(waiting.map(({ id }) => [id, unstarted.get(id) ?? now()]));
    return machines.map((machine) => (isLost(machine.id) ? abandoned(machine) : machine));
  }

  function isLost(id: string): boolean {
    const since = unstarted.get(id);
    return since !== undefined && now() - since >= startWithinMs;
  }

  async function listed(ids: readonly string[], signal: AbortSignal): Promise<ListedContainer[]> {
    const found: ListedContainer[] = [];
    for (const id of chunks(ids)) {
      const filters: Filters = { id };
      // The engine also takes the start of an id.
      for (const container of await sdk.listContainers(filters, { signal }))
        if (id.includes(container.Id)) found.push(container);
    }
    return found;
  }

  const turns = createTurns({ atOnce: launchesAtOnce, patienceMs });
  const launch = createLaunch({
    sdk,
    images,
    shells: createShells({ sdk }),
    surroundings,
    turns,
    onNetworkGone: snapshot.networks.expire,
  });
  return {
    batchLimit: 1,
    list,
    read: async (ids, signal) => describe(await listed(ids, signal), signal),
    ...resolver,
    launch: async (request, signal) => {
      starting.add(request.token);
      try {
        return await changing(() => launch(request, signal));
      } finally {
        starting.delete(request.token);
      }
    },
    remove: (ids, signal) =>
      changing(async () =>
        removeContainers({ sdk, cluster, containers: await listed(ids, signal), options: { signal } }),
      ),
    release: (ids, signal) =>
      changing(async () =>
        releaseContainers({ sdk, cluster, containers: await listed(ids, signal), options: { signal } }),
      ),
  };

  /** What stands around the containers is planned with them: the next look sees what was changed. */
  async function changing<Answer>(change: () => Promise<Answer>): Promise<Answer> {
    try {
      return await change();
    } finally {
      snapshot.containers.expire();
      snapshot.volumes.expire();
    }
  }
}

function chunks(ids: readonly string[]): string[][] {
  const count = Math.ceil(ids.length / idLimit);
  return Array.from({ length: count }, (_, index) => ids.slice(index * idLimit, (index + 1) * idLimit));
}
