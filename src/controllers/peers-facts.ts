/** One Node as its peers care for it: from what is cached of it, of its machine, and of what that answered. */
import { cloudOf } from '../api/cloud-member.ts';
import { LABELS } from '../api/names.ts';
import type { Node } from '../api/node.ts';
import type { Peering } from '../api/peering.ts';
import type { Machine } from '../clouds/cloud.ts';
import { keyOf } from '../kube/object.ts';
import { machinesOf } from '../planning/machine.ts';
import { peerAddressOf } from '../planning/peer-address.ts';
import type { PeerFacts } from '../planning/peering.ts';
import { regionKeyOf } from './inventory.ts';
import type { Seen } from './kinds.ts';
import { readableRecordOf } from './launch/record.ts';
import type { Shared } from './shared.ts';

type Known = Pick<Shared, 'inventory' | 'health'>;

export function peerFactsOf(seen: Seen<Node>, peering: Peering, known: Known): PeerFacts {
  const { name, labels, creationTimestamp, deletionTimestamp } = seen.metadata;
  const machine = machineOf(seen, known);
  const status = seen.parsed.ok ? seen.parsed.value.status : {};
  const common = {
    name,
    placement: labels?.[LABELS.placement] ?? '',
    createdAt: creationTimestamp,
    leaving: deletionTimestamp !== undefined,
  };
  if (machine === 'unread') {
    const launchedAt = status.machine?.launchedAt;
    return { ...common, ...(launchedAt !== undefined && { launchedAt }), ...status.peer, failing: false };
  }
  if (machine === undefined) return { ...common, failing: status.lastError !== undefined };
  return {
    ...common,
    launchedAt: machine.createdAt,
    failing: false,
    ...addressOf(seen, machine, peering, known),
  };
}

/** `unread`: its region has not been listed since the operator started, and what the Node's status says still holds. */
function machineOf(seen: Seen<Node>, { inventory }: Known): Machine | 'unread' | undefined {
  const record = readableRecordOf(seen);
  if (record === undefined || !seen.parsed.ok) return undefined;
  const node = seen.parsed.value;
  const { name: cloud } = cloudOf(node.spec);
  const region = inventory.get(regionKeyOf({ cloud, ...record }));
  if (region?.readAt === undefined) return node.status.machine === undefined ? undefined : 'unread';
  const { machine } = machinesOf(record, node.status.machine?.id, region.launchedBy(record.token));
  // What will not run again makes room for another.
  return machine?.state === 'failed' || machine?.state === 'terminating' ? undefined : machine;
}

function addressOf(
  seen: Seen<Node>,
  machine: Machine,
  { address }: Peering,
  { health }: Known,
): Pick<PeerFacts, 'inside' | 'outside' | 'because'> {
  if (!seen.parsed.ok) return {};
  const { spec, status } = seen.parsed.value;
  const finding = address.jsonRpc && health.peerOf(keyOf(seen.metadata));
  const result = finding?.text;
  const ports = spec.client.ports ?? [];
  const found = peerAddressOf({
    address,
    ports,
    node: seen.metadata.name,
    machine,
    ...(result !== undefined && { result }),
  });
  const { inside, outside, unknown } = found;
  if (inside !== undefined || outside !== undefined)
    return { ...(inside !== undefined && { inside }), ...(outside !== undefined && { outside }) };
  if (machine.state !== 'running') return {};
  if (address.jsonRpc !== undefined && result === undefined) {
    // An operator that has just started has not asked yet.
    if (finding?.health !== 'healthy' && status.peer !== undefined && status.machine?.id === machine.id)
      return status.peer;
    return { because: reasonOf(address.jsonRpc, finding) };
  }
  return { because: `${unknown.map((name) => `$(${name})`).join(', ')} has no value` };
}

function reasonOf(
  { method, resultPath }: NonNullable<Peering['address']['jsonRpc']>,
  finding: ReturnType<Shared['health']['peerOf']>,
): string {
  if (finding === undefined) return 'the operator does not ask it';
  if (finding.health !== 'healthy') return finding.reason ?? 'it has not answered yet';
  const where = resultPath === '' ? '' : ` at ${resultPath}`;
  return `it answers ${method} without a text${where}`;
}
