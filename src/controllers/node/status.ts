import type { Node, NodeStatus } from '../../api/node.ts';
import type { Machine } from '../../clouds/cloud.ts';
import { mergePatch } from '../../kube/merge-patch.ts';
import { findCondition } from '../conditions.ts';
import type { Seen } from '../kinds.ts';
import { readableRecordOf } from '../launch/record.ts';
import type { Shared } from '../shared.ts';
import { conditionsFor, writeStatus } from '../status.ts';
import type { Verdict } from './verdict.ts';

/** More are not listed. */
const mostAddresses = 128;

/** Writes what a pass found, if it differs from what stands there. */
export async function writeNodeStatus(
  { nodeResource, peers, tell, clock }: Pick<Shared, 'nodeResource' | 'peers' | 'tell' | 'clock'>,
  seen: Seen<Node>,
  machine: Machine | undefined,
  { phase, standing, trouble, isNews = false }: Verdict,
  signal: AbortSignal,
): Promise<void> {
  const before: NodeStatus = seen.parsed.ok ? seen.parsed.value.status : {};
  const { generation } = seen.metadata;
  tell({ object: seen, before: before.conditions, standing });
  const conditions = conditionsFor(before.conditions, standing, { generation, now: clock.now() });
  const record = seen.parsed.ok ? readableRecordOf(seen) : undefined;
  const addresses = machine ? addressesOf(machine) : before.addresses;
  const peer = peers.addressOf(seen);
  const after: NodeStatus = {
    observedGeneration: generation,
    phase,
    conditions,
    ...(machine ? { machine: machineStatus(machine) } : before.machine && { machine: before.machine }),
    ...(addresses && { addresses }),
    ...(peer && { peer }),
    ...(record && { attempt: record.attempt }),
    ...(trouble !== undefined && { lastError: trouble }),
  };
  if (isOnlyState(before, after)) return;
  if (standing.kind === 'working' && !isNews && isUnderWay(before) && isOnlyNews(before, after)) return;
  await writeStatus(nodeResource, seen, { before, after, signal });
}

/**
 * A Node on its way up is written when its machine is known and when it is Ready. In between, what merely reads
 * differently (a message, an address) waits for the next of the two, so that a Node costs few writes.
 */
function isOnlyNews(before: NodeStatus, after: NodeStatus): boolean {
  if (after.phase === 'Pending' || after.phase === 'Launching') {
    const waited = reasonOf(before) === 'WaitingForPeers';
    if (reasonOf(after) === 'WaitingForPeers') return waited;
    const isBegun = before.phase !== undefined && !waited;
    return (!isBegun || before.phase === after.phase) && before.lastError === after.lastError;
  }
  return (
    after.phase === 'Starting' && before.phase === 'Starting' && before.machine?.id === after.machine?.id
  );
}

/** What the cloud reports of the machine comes along when something else changes: it is no reason to write. */
function isOnlyState(before: NodeStatus, after: NodeStatus): boolean {
  if (before.machine === undefined || after.machine === undefined) return false;
  const { state: _, ...machine } = after.machine;
  const { state } = before.machine;
  const { addresses, ...more } = after;
  const same = {
    ...more,
    // An earlier version wrote none.
    ...(before.addresses && addresses && { addresses }),
    machine: { ...machine, ...(state !== undefined && { state }) },
  };
  return mergePatch(before, same) === undefined;
}

/** Nothing was said yet, or that all goes on: what else was said has to be taken back. */
function isUnderWay({ conditions }: NodeStatus): boolean {
  if (findCondition(conditions, 'Ready') === undefined) return true;
  const reconciling = findCondition(conditions, 'Reconciling');
  return reconciling?.status === 'True' && reconciling.reason !== 'InternalError';
}

function reasonOf({ conditions }: NodeStatus): string | undefined {
  return findCondition(conditions, 'Ready')?.reason;
}

/** Undefined as long as it has none. */
function addressesOf({ privateAddress, publicAddress, published = [] }: Machine): NodeStatus['addresses'] {
  const addresses: NonNullable<NodeStatus['addresses']>[number][] = [
    ...(privateAddress === undefined ? [] : [{ type: 'Private' as const, address: privateAddress }]),
    ...(publicAddress === undefined ? [] : [{ type: 'Public' as const, address: publicAddress }]),
    ...published.map((port) => ({ type: 'Published' as const, ...port })),
  ];
  return addresses.length === 0 ? undefined : addresses.slice(0, mostAddresses);
}

function machineStatus(machine: Machine): NonNullable<NodeStatus['machine']> {
  const { id, state, zone, type, privateAddress, publicAddress, createdAt } = machine;
  return {
    id,
    state,
    ...(zone !== undefined && { zone }),
    ...(type !== undefined && { type }),
    ...(privateAddress !== undefined && { privateAddress }),
    ...(publicAddress !== undefined && { publicAddress }),
    launchedAt: createdAt,
  };
}
