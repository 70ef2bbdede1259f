import type { Node } from '../../api/node.ts';
import type { Attachment, FabricGoal, Step } from '../../clouds/cloud.ts';
import { firewallRules } from '../../planning/fabric-wish.ts';
import type { Belonging } from '../belonging.ts';
import type { Fabrics } from '../fabrics.ts';
import type { OpenSession } from '../sessions.ts';

/** The firewall of a standalone Node, which has no Network to look after it. */
export async function fabricOfNode(options: {
  readonly node: Node;
  readonly belonging: Belonging;
  readonly open: OpenSession;
  readonly fabrics: Fabrics;
  readonly goal: 'wish' | 'nothing' | 'released';
  readonly anew: boolean;
  readonly signal: AbortSignal;
}): Promise<{ readonly attachment?: Attachment; readonly steps: readonly Step[] }> {
  const { node, belonging, open, fabrics, goal, anew, signal } = options;
  const { owner, uid, spec } = belonging;
  const scope = { owner, ...(uid !== undefined && { uid }), spec };
  const wish: FabricGoal = goal === 'wish' ? { scope, ...firewallRules(node.spec) } : { scope, goal };
  const maxAgeMs = anew ? 0 : 60_000;
  const { view, steps } = await fabrics.align({ open, goal: wish, maxAgeMs, dryRun: false, signal });
  // What is to go, goes without a network to put it in.
  if (view.trouble !== undefined && goal === 'wish') throw view.trouble;
  return { ...(view.attachment && { attachment: view.attachment }), steps };
}
