/** What would be done to a Network, for people to read first: the same steps, in the same order, as are carried out. */
import { MAX_PLAN_STEPS, type NetworkStatus, type PlanStep } from '../../api/network-status.ts';
import type { Node } from '../../api/node.ts';
import { type NodePlan, summarize } from '../../planning/nodes.ts';
import { findCondition } from '../conditions.ts';
import type { Seen } from '../kinds.ts';
import { factsOf, type Site } from './site.ts';

type ShownPlan = NonNullable<NetworkStatus['plan']>;

export function stepsAround(sites: readonly Site[]): readonly PlanStep[] {
  return sites.flatMap(({ name: placement, aligned }) =>
    (aligned?.steps ?? []).map(({ verb, kind, name, because, waits }) => ({
      verb,
      kind,
      name,
      because,
      placement,
      ...(waits !== undefined && { waits }),
    })),
  );
}

/**
 * What stands around machines comes before them, what tells of them (peers, gateway) after. Nodes that somebody has deleted
 * wait for it too, and so do those that have lost their machines.
 */
export function shownPlan(
  { create, remove, replace }: NodePlan,
  {
    nodes,
    around,
    after,
  }: {
    readonly nodes: readonly Seen<Node>[];
    readonly around: readonly PlanStep[];
    readonly after: readonly PlanStep[];
  },
): ShownPlan {
  const leaving = nodes
    .map(factsOf)
    .filter((node) => node.leaving)
    .map(({ name, placement }) => ({ name, placement, because: 'somebody has deleted it' }));
  const plan = { create, replace, remove: [...leaving, ...remove] };
  const machines = nodes.filter(lacksMachine).map(
    (seen): PlanStep => ({
      ...nodeStep('create', factsOf(seen), 'its Node has none'),
      kind: 'machine',
    }),
  );
  const steps: PlanStep[] = [
    ...around,
    ...machines,
    ...plan.create.map((node) => nodeStep('create', node, 'wished for and not there')),
    ...plan.remove.map((node) => nodeStep('delete', node, node.because)),
    ...plan.replace.map((node) => nodeStep('replace', node, 'made of an earlier revision')),
    ...after,
  ];
  return {
    summary: summarize(plan, around.length + machines.length + after.length),
    steps: steps.slice(0, MAX_PLAN_STEPS),
  };
}

/** Nodes go first, with their machines, then what stands around them. */
export function shownRemoval(
  nodes: readonly Seen<Node>[],
  around: readonly PlanStep[],
  policy: 'Delete' | 'Orphan',
): ShownPlan {
  const remove = nodes
    .map(factsOf)
    .map(({ name, placement }) => ({ name, placement, because: 'its Network is deleted' }));
  const isLetGo = policy === 'Orphan';
  const steps = [
    ...remove.map((node) => nodeStep(isLetGo ? 'release' : 'delete', node, node.because)),
    ...around,
  ];
  const summary = summarize({ create: [], replace: [], remove }, around.length);
  return {
    summary: isLetGo ? `${summary}; what they are in the clouds lives on (deletionPolicy: Orphan)` : summary,
    steps: steps.slice(0, MAX_PLAN_STEPS),
  };
}

/** The Node says so itself. */
function lacksMachine({ metadata, parsed }: Seen<Node>): boolean {
  if (!parsed.ok || metadata.deletionTimestamp !== undefined) return false;
  return findCondition(parsed.value.status.conditions, 'Ready')?.reason === 'PlanPending';
}

function nodeStep(
  verb: 'create' | 'delete' | 'replace' | 'release',
  { name, placement }: { readonly name: string; readonly placement: string },
  because: string,
): PlanStep {
  return { verb, kind: 'Node', name, placement, because };
}
