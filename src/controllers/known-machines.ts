/** What is known of the machines of one region: the newest list, and what our own calls answered since. */
import { isDeepStrictEqual } from 'node:util';
import type { Machine, MachineState } from '../clouds/cloud.ts';
import type { Clock } from '../runtime/clock.ts';

const MACHINE_STATES = [
  'pending',
  'running',
  'stopping',
  'stopped',
  'failed',
  'terminating',
  'terminated',
] as const satisfies readonly MachineState[];

/** A state further on is never taken back by an answer that lags behind what we did ourselves. */
const rank: Readonly<Record<MachineState, number>> = {
  pending: 0,
  running: 1,
  stopping: 2,
  stopped: 3,
  failed: 4,
  terminating: 5,
  terminated: 6,
};

export interface KnownMachinesOptions {
  readonly clock: Clock;
  /** How long a full list may fail to show what was made before it. */
  readonly readLagMs: number;
  /** A machine is new, gone, or looks different. */
  readonly onChange: (machine: Machine) => void;
}

export interface KnownMachines {
  all(): readonly Machine[];
  get(id: string): Machine | undefined;
  launchedBy(token: string): readonly Machine[];
  /** Takes in what one of our own calls answered. */
  learn(machines: readonly Machine[]): void;
  /** Our removal was accepted: the machine is on its way out, whatever a lagging list says. */
  learnRemoved(ids: readonly string[]): void;
  /** The machine was let go of: what our own calls answered of it proves nothing any more, only a list does. */
  forget(id: string): void;
  /** Takes in a full list, the reading of which began then (monotonic). */
  merge(listed: readonly Machine[], startedAt: number): void;
}

export function createKnownMachines({ clock, readLagMs, onChange }: KnownMachinesOptions): KnownMachines {
  let machines = new Map<string, Machine>();
  let byToken = new Map<string, Set<string>>();
  /** What our own calls answered, and when. */
  const learned = new Map<string, { readonly machine: Machine; readonly at: number }>();

  function enter(machine: Machine): void {
    machines.set(machine.id, machine);
    if (machine.launch === undefined) return;
    const ids = byToken.get(machine.launch.token) ?? new Set();
    ids.add(machine.id);
    byToken.set(machine.launch.token, ids);
  }

  function put(machine: Machine): void {
    const before = machines.get(machine.id);
    if (before !== undefined && rank[before.state] > rank[machine.state]) return;
    enter(machine);
    if (looksDifferent(before, machine)) onChange(machine);
  }

  function learn(answered: readonly Machine[]): void {
    const at = clock.monotonic();
    for (const machine of answered) {
      learned.set(machine.id, { machine, at });
      put(machine);
    }
  }

  return {
    all: () => [...machines.values()],
    get: (id) => machines.get(id),
    launchedBy: (token) => [...(byToken.get(token) ?? [])].flatMap((id) => machines.get(id) ?? []),
    learn,
    learnRemoved(ids) {
      const removed = ids.flatMap((id) => {
        const machine = machines.get(id);
        if (machine === undefined || rank[machine.state] >= rank.terminating) return [];
        return [{ ...machine, state: 'terminating' as const }];
      });
      learn(removed);
    },
    forget(id) {
      learned.delete(id);
      const machine = machines.get(id);
      machines.delete(id);
      if (machine?.launch !== undefined) byToken.get(machine.launch.token)?.delete(id);
    },
    merge(listed, startedAt) {
      const before = machines;
      machines = new Map();
      byToken = new Map();
      const now = clock.monotonic();
      const shownNow = new Map(listed.map((machine) => [machine.id, machine]));
      for (const [id, { machine, at }] of learned) {
        if (now - at > readLagMs && at < startedAt) {
          learned.delete(id);
          continue;
        }
        const shown = shownNow.get(id);
        if (shown === undefined || rank[shown.state] < rank[machine.state]) shownNow.set(id, machine);
      }
      for (const machine of shownNow.values()) enter(machine);
      for (const [id, machine] of shownNow) if (looksDifferent(before.get(id), machine)) onChange(machine);
      for (const [id, machine] of before) if (!shownNow.has(id)) onChange(machine);
    },
  };
}

/** Counts of machines over all regions, of every state there is, for the metric. */
export function countByState(
  regions: readonly Pick<KnownMachines, 'all'>[],
): ReadonlyMap<MachineState, number> {
  const counts = new Map<MachineState, number>(MACHINE_STATES.map((state) => [state, 0]));
  for (const region of regions)
    for (const { state } of region.all()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function looksDifferent(before: Machine | undefined, now: Machine): boolean {
  return (
    before === undefined ||
    before.state !== now.state ||
    before.publicAddress !== now.publicAddress ||
    before.privateAddress !== now.privateAddress ||
    !isDeepStrictEqual(before.published, now.published)
  );
}
