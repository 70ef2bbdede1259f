/** Replaces the Nodes of a Network that stay unhealthy. */
import { LABELS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { Node } from '../../api/node.ts';
import { keyOf } from '../../kube/object.ts';
import { type HealthFacts, planRemediation, type RemediationPlan } from '../../planning/remediation.ts';
import { findCondition } from '../conditions.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import { spell } from '../trouble.ts';

export function createRemediation(
  options: Pick<Shared, 'nodes' | 'nodeResource' | 'events' | 'logger' | 'clock'>,
) {
  const { nodes, nodeResource, events, logger, clock } = options;

  /** `blocked`: placements in which no other could take its place now. */
  return async (
    network: Seen<Network>,
    { spec: { remediation } }: Network,
    blocked: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Omit<RemediationPlan, 'replace'>> => {
    if (remediation === undefined) return {};
    // As they are now: the pass may have begun to remove some.
    const mine = nodes.byIndex('network', keyOf(network.metadata));
    const facts = mine.map((seen) => healthFactsOf(seen, blocked));
    const { replace, ...more } = planRemediation(facts, remediation, clock.now());
    for (const name of replace) {
      const seen = mine.find(({ metadata }) => metadata.name === name);
      if (seen === undefined) continue;
      await nodeResource.delete(seen.metadata, { uid: seen.metadata.uid, signal });
      const note = `${name} is replaced: ${whyOf(seen, clock.now())}`;
      events.event({ regarding: network, type: 'Warning', reason: 'Remediated', action: 'Replace', note });
      logger.warn({ node: keyOf(seen.metadata) }, note);
    }
    return more;
  };
}

function healthFactsOf({ metadata, parsed }: Seen<Node>, blocked: ReadonlySet<string>): HealthFacts {
  const status = parsed.ok ? parsed.value.status : {};
  const since = unhealthySince(status);
  return {
    name: metadata.name,
    ready: status.phase === 'Ready',
    leaving: metadata.deletionTimestamp !== undefined,
    blocked: blocked.has(metadata.labels?.[LABELS.placement] ?? ''),
    createdAt: Date.parse(metadata.creationTimestamp),
    ...(since !== undefined && { unhealthySince: since }),
  };
}

/** It is not Ready since then, and has a machine that should be. */
function unhealthySince({ phase, conditions }: Node['status']): number | undefined {
  const ready = findCondition(conditions, 'Ready');
  return phase === 'Unhealthy' && ready !== undefined ? Date.parse(ready.lastTransitionTime) : undefined;
}

function whyOf({ parsed }: Seen<Node>, now: number): string {
  const status = parsed.ok ? parsed.value.status : {};
  const why = findCondition(status.conditions, 'Ready')?.message ?? '';
  return `unhealthy for ${spell(now - (unhealthySince(status) ?? now))} (${why})`;
}
