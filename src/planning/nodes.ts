/** Which Nodes a Network should create, and which it should let go. Pure. */
import { hash } from '../runtime/hash.ts';

/** One Node of a Network, as far as this plan cares. */
export interface NodeFacts {
  readonly name: string;
  readonly uid: string;
  readonly placement: string;
  readonly index: number;
  readonly revision: string;
  readonly ready: boolean;
  /** Has a deletionTimestamp: it is on its way out and holds its name, but is no longer counted on. */
  readonly leaving: boolean;
}

export interface PlacementWish {
  readonly name: string;
  readonly replicas: number;
  readonly revision: string;
}

export interface NewNode {
  readonly name: string;
  readonly placement: string;
  readonly index: number;
  readonly revision: string;
}

/** A name is used again, so the uid says which one it is. */
export interface OldNode {
  readonly name: string;
  readonly uid: string;
}

export interface NodePlan {
  /** Nodes to add to reach the wished number. */
  readonly create: readonly NewNode[];
  /** Nodes to remove, because of a smaller number or a placement that is gone. */
  readonly remove: readonly (OldNode & { readonly placement: string; readonly because: string })[];
  /** Nodes of a former revision that stay until their turn, in the order of their turns. */
  readonly replace: readonly { readonly name: string; readonly placement: string }[];
  /** The part of a replacement that can be done now; at most one Node. */
  readonly now: { readonly create?: NewNode; readonly remove?: OldNode };
}

export interface NodePlanInput {
  readonly network: { readonly name: string; readonly uid: string };
  readonly placements: readonly PlacementWish[];
  readonly nodes: readonly NodeFacts[];
}

/**
 * Replacing goes one Node at a time over the whole Network: a Node of the new revision is made beside the old ones and
 * becomes Ready, then one old Node goes. An old Node that is not Ready serves nobody and goes first, without a stand-in.
 */
export function planNodes({ network, placements, nodes }: NodePlanInput): NodePlan {
  const names = new Set(nodes.map(({ name }) => name));
  const create: NewNode[] = [];
  const remove: NodePlan['remove'][number][] = [];
  const replace: { name: string; placement: string }[] = [];
  let now: NodePlan['now'] = {};
  const wishes = new Map(placements.map((wish) => [wish.name, wish]));
  const staying = nodes.filter(({ leaving }) => !leaving);

  for (const node of staying) {
    if (!wishes.has(node.placement))
      remove.push({
        name: node.name,
        uid: node.uid,
        placement: node.placement,
        because: `placement ${node.placement} is gone`,
      });
  }

  const isStale = (node: NodeFacts) => node.revision !== wishes.get(node.placement)?.revision;
  /** Everything of the current revisions serves, so one more Node may be touched. */
  const calm = nodes.every(({ leaving }) => !leaving) && staying.every((node) => isStale(node) || node.ready);

  for (const wish of placements) {
    const here = nodes.filter(({ placement }) => placement === wish.name);
    const current = here.filter(({ leaving }) => !leaving);
    const indexes = new Set(here.map(({ index }) => index));
    const fresh = () => newNode({ network, wish, names, indexes });

    for (let count = current.length; count < wish.replicas; count += 1) create.push(fresh());

    const stale = current.filter(isStale).sort(byTurn);
    const spare = current.length - wish.replicas;
    const rolling = stale.length > 0 && stale.length < current.length && spare === 1;
    if (spare > 0 && !rolling) {
      for (const { name, uid, placement } of toLetGo({ wish, current, isStale }))
        remove.push({ name, uid, placement, because: `${wish.replicas} wished, ${current.length} here` });
    }
    const leavingNow = new Set(remove.map(({ name }) => name));
    const turns = stale.filter(({ name }) => !leavingNow.has(name));
    for (const { name, placement } of turns) replace.push({ name, placement });

    const first = turns[0];
    if (first === undefined || !calm || now.create !== undefined || now.remove !== undefined) continue;
    if (!first.ready || rolling) now = { remove: { name: first.name, uid: first.uid } };
    else now = { create: fresh() };
  }
  // As long as any placement lacks Nodes or has too many, nothing that serves is touched.
  return { create, remove, replace, now: create.length > 0 || remove.length > 0 ? {} : now };
}

/**
 * Who goes when fewer are wished for: never so many Ready ones that fewer than wished are left, if there are that many. A
 * Node of the new revision that is not Ready yet stays beside what it is to replace, as in a replacement at rest.
 */
function toLetGo(options: {
  readonly wish: PlacementWish;
  readonly current: readonly NodeFacts[];
  readonly isStale: (node: NodeFacts) => boolean;
}): readonly NodeFacts[] {
  const { wish, current, isStale } = options;
  const hasStandIn =
    wish.replicas > 0 && current.some(isStale) && current.some((node) => !isStale(node) && !node.ready);
  const count = current.length - wish.replicas - (hasStandIn ? 1 : 0);
  const going: NodeFacts[] = [];
  let ready = current.filter((node) => node.ready).length;
  for (const node of [...current].sort(leastWanted(isStale))) {
    if (going.length === count) break;
    if (node.ready && ready <= wish.replicas) continue;
    going.push(node);
    if (node.ready) ready -= 1;
  }
  return going;
}

/** Not Ready before Ready; then the highest index first, so that the low ordinals stay. */
function byTurn(a: NodeFacts, b: NodeFacts): number {
  return Number(a.ready) - Number(b.ready) || b.index - a.index || a.name.localeCompare(b.name);
}

function leastWanted(isStale: (node: NodeFacts) => boolean) {
  return (a: NodeFacts, b: NodeFacts) => Number(isStale(b)) - Number(isStale(a)) || byTurn(a, b);
}

/**
 * The name follows from Network, placement and index alone, with the smallest n that names no known Node: whoever plans
 * from the same state, be it a second leader or a stale cache, arrives at the same name and meets AlreadyExists.
 */
function newNode(options: {
  readonly network: NodePlanInput['network'];
  readonly wish: PlacementWish;
  readonly names: Set<string>;
  readonly indexes: Set<number>;
}): NewNode {
  const { network, wish, names, indexes } = options;
  let index = 0;
  while (indexes.has(index)) index += 1;
  indexes.add(index);
  for (let n = 0; ; n += 1) {
    const name = `${network.name}-${wish.name}-${hash([network.uid, wish.name, index, n], 5)}`;
    if (names.has(name)) continue;
    names.add(name);
    return { name, placement: wish.name, index, revision: wish.revision };
  }
}

/** `add 2 nodes in virginia, remove 1 node in west-europe; 3 steps around them`; what there is none of is left out. */
export function summarize(
  plan: Readonly<Record<'create' | 'remove' | 'replace', readonly { readonly placement: string }[]>>,
  around: number,
): string {
  const nodes = [
    ...tally('add', plan.create),
    ...tally('remove', plan.remove),
    ...tally('replace', plan.replace),
  ].join(', ');
  const steps = around === 0 ? '' : `${around} ${around === 1 ? 'step' : 'steps'} around `;
  if (nodes === '') return steps === '' ? 'nothing to do' : `${steps}the nodes`;
  return steps === '' ? nodes : `${nodes}; ${steps}them`;
}

function tally(verb: string, nodes: readonly { readonly placement: string }[]): string[] {
  if (nodes.length === 0) return [];
  const counts = new Map<string, number>();
  for (const { placement } of nodes) counts.set(placement, (counts.get(placement) ?? 0) + 1);
  const parts = [...counts].map(
    ([placement, count]) => `${count} ${count === 1 ? 'node' : 'nodes'} in ${placement}`,
  );
  return [`${verb} ${parts.join(' and ')}`];
}
