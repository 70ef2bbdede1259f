/** Which machine is a Node's, and what its next step is. Pure. */
import type { Machine } from '../clouds/cloud.ts';
import type { LaunchRecord } from './launch-record.ts';

export interface MachinesOfNode {
  /** The Node's machine, as long as it has not ended. */
  readonly machine?: Machine;
  /** Further machines of the same token and index; one Node has one machine, so they go. */
  readonly surplus: readonly Machine[];
  /** The last machine of this launch that ended. */
  readonly ended?: Machine;
}

/** `known`: id in the Node's status. Of several machines that one stays, else the oldest. */
export function machinesOf(
  record: Pick<LaunchRecord, 'token' | 'index'> | undefined,
  known: string | undefined,
  launched: readonly Machine[],
): MachinesOfNode {
  if (record === undefined) return { surplus: [] };
  const mine = launched.filter(
    ({ launch }) => launch?.token === record.token && launch.index === record.index,
  );
  const running = mine
    .filter(({ state }) => state !== 'terminated')
    .sort(
      (a, b) =>
        Number(b.id === known) - Number(a.id === known) ||
        Number(a.state === 'terminating') - Number(b.state === 'terminating') ||
        a.createdAt.localeCompare(b.createdAt) ||
        a.id.localeCompare(b.id),
    );
  const [machine, ...rest] = running;
  const surplus = rest.filter(({ state }) => state !== 'terminating');
  const ended = mine.find(({ state }) => state === 'terminated');
  return { ...(machine && { machine }), surplus, ...(ended && { ended }) };
}

/** The zone of a launch: spread by index, and one zone on with each attempt, so that a full zone is left. */
export function zoneFor(zones: readonly string[], index: number, attempt: number): string | undefined {
  return zones[(index + attempt - 1) % zones.length];
}
