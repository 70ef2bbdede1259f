/** What the parts of the Node controller share: its options, and what one pass knows. */
import type { Node } from '../../api/node.ts';
import { keyOf } from '../../kube/object.ts';
import type { LaunchRecord } from '../../planning/launch-record.ts';
import type { MachinesOfNode } from '../../planning/machine.ts';
import type { Belonging } from '../belonging.ts';
import type { holdOf } from '../held.ts';
import type { RegionInventory } from '../inventory.ts';
import type { Seen } from '../kinds.ts';
import type { Launcher } from '../launch/launcher.ts';
import type { LaunchOutcome } from '../launch/outcomes.ts';
import { recordOf } from '../launch/record.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { type Trouble, troubleOf } from '../trouble.ts';

export interface NodeControllerOptions extends Shared {
  readonly launcher: Launcher;
}

/** What one pass knows about its Node. */
export interface Pass {
  readonly key: string;
  readonly seen: Seen<Node>;
  readonly node: Node;
  readonly belonging: Belonging;
  /** Why nothing may be changed in a cloud. */
  readonly hold: ReturnType<typeof holdOf>;
  readonly record: LaunchRecord | undefined;
  readonly region: RegionInventory;
  /** On whose behalf. */
  readonly open: OpenSession;
  readonly found: MachinesOfNode;
  /** Somebody asked for a look now; what is known does not count. */
  readonly anew: boolean;
  readonly signal: AbortSignal;
}

/** Id of the machine in the status, unless the inventory shows it to be of an earlier launch: that one says nothing of this. */
export function knownMachine(
  { status }: Node,
  { token }: LaunchRecord,
  region: RegionInventory,
): string | undefined {
  const id = status.machine?.id;
  const launch = id === undefined ? undefined : region.get(id)?.launch;
  return launch === undefined || launch.token === token ? id : undefined;
}

/** While another Node of the launch still needs the head's record to find out about its machine, it stays. */
export function membersAreOpen(
  { nodes, launcher }: NodeControllerOptions,
  { key, region }: Pass,
  record: LaunchRecord,
): boolean {
  const outcome = launcher.outcomeOf(record.token);
  if (outcome !== undefined && outcome.kind !== 'open' && outcome.kind !== 'unknown') return false;
  const launched = region.launchedBy(record.token);
  return nodes.byIndex('token', record.token).some((other) => {
    if (keyOf(other.metadata) === key) return false;
    const held = recordOf(other);
    const known = other.parsed.ok ? knownMachine(other.parsed.value, record, region) : undefined;
    return known === undefined && !launched.some(({ launch }) => launch?.index === held?.index);
  });
}

export function warn(
  { networks, events, logger }: NodeControllerOptions,
  { seen, key, belonging }: Pass,
  reason: 'LaunchFailed' | 'MachineLost',
  note: string,
): void {
  const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
  events.event({
    regarding: network ?? seen,
    type: 'Warning',
    reason,
    action: 'Launch',
    note: `${key}: ${note}`,
    // Nodes that share a launch share its fate.
    alike: note,
  });
  logger.warn({ node: key, reason }, note);
}

/** For how long full lists have been read since the call can have been made. */
export function lookedUpFor(
  { clock }: NodeControllerOptions,
  { region, record }: Pass,
  since: number,
): number {
  if (region.readAt === undefined || record === undefined) return 0;
  const readAt = clock.now() - (clock.monotonic() - region.readAt);
  return Math.min(readAt - Date.parse(record.at), region.readAt - since);
}

export function lookUpAgainMs(options: NodeControllerOptions, pass: Pass, since: number): number {
  return Math.min(Math.max(pass.region.readLagMs - lookedUpFor(options, pass, since), 500), 5_000);
}

/** What hindered a launch that is to be repeated, and how long until then. */
export function repeatOf(
  { clock }: NodeControllerOptions,
  { error, failures, at }: Extract<LaunchOutcome, { kind: 'unknown' }>,
): { readonly trouble: Trouble | undefined; readonly waitMs: number } {
  const trouble = troubleOf(error, failures - 1);
  return { trouble, waitMs: Math.max(0, at + (trouble?.retryAfterMs ?? 2_000) - clock.monotonic()) };
}
