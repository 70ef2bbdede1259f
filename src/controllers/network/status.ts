/** What a Network's status says. */
import { LABELS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import { MAX_RESOURCES, type NetworkStatus } from '../../api/network-status.ts';
import type { Node } from '../../api/node.ts';
import { mergePatch } from '../../kube/merge-patch.ts';
import { type NodePlan, summarize } from '../../planning/nodes.ts';
import { findCondition, isConditionTrue } from '../conditions.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import { conditionsFor, type Standing, writeStatus } from '../status.ts';
import { spell, type Trouble } from '../trouble.ts';
import { hindrance } from './hindrance.ts';
import { factsOf, type Site, worstTrouble } from './site.ts';

export async function writeNetworkStatus(
  { networkResource, tell, clock }: Pick<Shared, 'networkResource' | 'tell' | 'clock'>,
  seen: Seen<Network>,
  found: NetworkStatus,
  standing: Standing,
  signal: AbortSignal,
): Promise<void> {
  const before: NetworkStatus = seen.parsed.ok ? seen.parsed.value.status : {};
  const { generation } = seen.metadata;
  tell({ object: seen, before: before.conditions, standing });
  const conditions = conditionsFor(before.conditions, standing, { generation, now: clock.now() });
  const after: NetworkStatus = { ...found, observedGeneration: generation, conditions };
  // When the cloud was read comes along when something else changes: it is no reason to write.
  if (mergePatch(before, observedAsIn(before, after)) === undefined) return;
  await writeStatus(networkResource, seen, { before, after, signal });
}

function observedAsIn(before: NetworkStatus, after: NetworkStatus): NetworkStatus {
  const placements = after.placements?.map(({ observedAt: _, ...placement }) => {
    const observedAt = before.placements?.find(({ name }) => name === placement.name)?.observedAt;
    return { ...placement, ...(observedAt !== undefined && { observedAt }) };
  });
  return { ...after, ...(placements && { placements }) };
}

/** A placement that could not be looked at now is shown as it was seen last, if need be by an earlier operator. */
export function tallied(
  network: Network,
  sites: readonly Site[],
  peers: NetworkStatus['peers'],
): NetworkStatus {
  const all = sites.flatMap(({ nodes: here }) => here);
  const { name } = network.metadata;
  const ports = network.spec.balancer?.ports ?? [];
  const seen = sites.map((site) => ({ site, around: aroundOf(site, network.status) }));
  return {
    desiredReplicas: sites.reduce((sum, site) => sum + site.desired, 0),
    replicas: all.length,
    readyReplicas: all.filter((node) => factsOf(node).ready).length,
    selector: `${LABELS.network}=${name}`,
    revision: sites.find(({ wished }) => wished)?.revision ?? '',
    placements: seen.map(({ site: { name: called, desired, revision, nodes: here }, around }) => ({
      name: called,
      desired,
      ready: here.filter((node) => factsOf(node).ready).length,
      updated: here.filter((node) => factsOf(node).revision === revision).length,
      ...(around.network !== undefined && { network: around.network }),
      ...(around.balancer && { balancer: withSharers(around.balancer, called, seen) }),
      ...(around.observedAt !== undefined && { observedAt: around.observedAt }),
    })),
    // What placements share is told once, with the first of them.
    resources: distinct(
      seen.flatMap(({ around }) => around.resources),
      ({ kind, id }) => `${kind} ${id}`,
    ).slice(0, MAX_RESOURCES),
    ...(peers && { peers }),
    endpoints: distinct(
      seen.flatMap(({ around: { balancer } }) => (balancer === undefined ? [] : [balancer])),
      ({ id }) => id,
    ).flatMap(({ address }) => ports.map(({ port }) => `${address}:${port}`)),
  };
}

/** The first of each. */
function distinct<T>(all: readonly T[], keyOf: (one: T) => string): readonly T[] {
  const first = new Map<string, T>();
  for (const one of all) if (!first.has(keyOf(one))) first.set(keyOf(one), one);
  return [...first.values()];
}

function withSharers(
  { id, address, active }: NonNullable<PlacementStatus['balancer']>,
  called: string,
  seen: readonly { readonly site: Site; readonly around: Around }[],
): NonNullable<PlacementStatus['balancer']> {
  const sharedWith = seen
    .filter(({ site, around }) => site.name !== called && around.balancer?.id === id)
    .map(({ site }) => site.name);
  return { address, id, active, ...(sharedWith.length > 0 && { sharedWith }) };
}

type PlacementStatus = NonNullable<NetworkStatus['placements']>[number];

interface Around extends Pick<PlacementStatus, 'network' | 'balancer' | 'observedAt'> {
  readonly resources: NonNullable<NetworkStatus['resources']>;
}

function aroundOf({ name: placement, aligned, lastView, ...site }: Site, before: NetworkStatus): Around {
  const view = aligned?.view ?? lastView();
  const told = before.placements?.find(({ name }) => name === placement);
  if (view === undefined) {
    const resources = (before.resources ?? []).filter((one) => one.placement === placement);
    return { ...told, resources };
  }
  const observedAt = site.observedAt ?? told?.observedAt;
  return {
    ...(observedAt !== undefined && { observedAt }),
    ...(view.network && { network: view.network.found }),
    ...(view.balancer && { balancer: view.balancer }),
    resources: view.resources.map(({ kind, name, id }) => ({ placement, kind, name, id })),
  };
}

export interface StandingFacts {
  readonly sites: readonly Site[];
  readonly plan: NodePlan;
  /** Placements that have machines and no Nodes. */
  readonly missing: readonly Site[];
  /** Why no unhealthy Node is replaced though it is time. */
  readonly held?: string | undefined;
  /** What its gateway waits for. */
  readonly waits?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function standingOf({ sites, plan, missing, held, waits, now }: StandingFacts): Standing {
  const trouble = worstTrouble(sites);
  if (trouble !== undefined) return troubledStanding(trouble);
  const [lacking] = missing;
  if (lacking !== undefined) {
    const message = `placement ${lacking.name} has machines and no Nodes: restore the Nodes, or scale the placement to 0 to have the machines removed`;
    return { kind: 'stalled', reason: 'NodesMissing', message };
  }
  const all = sites.flatMap(({ nodes: here }) => here);
  const ready = all.filter(
    (seen) => factsOf(seen).ready && seen.metadata.deletionTimestamp === undefined,
  ).length;
  const desired = sites.reduce((sum, site) => sum + site.desired, 0);
  const stalled = all.filter((seen) => isStalled(seen));
  const [first] = stalled;
  const counts = `${ready} of ${desired} ${desired === 1 ? 'Node is' : 'Nodes are'} Ready`;
  if (held !== undefined)
    return { kind: 'stalled', reason: 'MostlyUnhealthy', message: `${counts}; ${held}` };
  if (first?.parsed.ok) {
    const why = findCondition(first.parsed.value.status.conditions, 'Stalled');
    const message = `${counts}; ${stalled.length} cannot go on: ${first.metadata.name}: ${why?.message}`;
    return { kind: 'stalled', reason: 'NodesStalled', message };
  }
  if (plan.replace.length > 0) {
    const { length } = plan.replace;
    const todo = length === 1 ? '1 is to be replaced' : `${length} are to be replaced, one at a time`;
    const message = `${counts}; ${todo}${hindrance(all, now)}`;
    return { kind: 'working', reason: 'Replacing', message };
  }
  const leaving = all.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length;
  if (plan.create.length === 0 && plan.remove.length === 0 && leaving > 0)
    return { kind: 'working', reason: 'Scaling', message: `${counts}; ${leaving} on their way out` };
  if (plan.create.length > 0 || plan.remove.length > 0)
    return { kind: 'working', reason: 'Scaling', message: `${counts}; ${summarize(plan, 0)}` };
  if (all.length !== desired) return { kind: 'working', reason: 'Scaling', message: counts };
  const [step] = sites.flatMap(({ aligned }) => aligned?.steps ?? []);
  if (ready < desired)
    return { kind: 'working', reason: 'Progressing', message: counts + hindrance(all, now) };
  if (step !== undefined)
    return {
      kind: 'working',
      reason: 'Progressing',
      message: `${counts}; ${step.verb} ${step.kind} ${step.name}${step.waits === undefined ? '' : `: ${step.waits}`}`,
    };
  if (sites.some(({ aligned }) => aligned === undefined))
    return { kind: 'working', reason: 'Progressing', message: 'the cloud has not been read yet' };
  if (waits !== undefined) return { kind: 'working', reason: 'Progressing', message: `${counts}; ${waits}` };
  return { kind: 'ready', reason: 'AllReady', message: counts };
}

/** Reads the same in every pass until the next try. */
export function troubledStanding({ reason, message, stalled, retryAfterMs }: Trouble): Standing {
  const words = `${message}; next try in ${spell(retryAfterMs)}`;
  return { kind: stalled ? 'stalled' : 'working', reason, message: words };
}

function isStalled({ parsed }: Seen<Node>): boolean {
  return parsed.ok && isConditionTrue(parsed.value.status.conditions, 'Stalled');
}
