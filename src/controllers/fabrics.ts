import type { FabricGoal, FabricView, Step } from '../clouds/cloud.ts';
import type { Logger } from '../runtime/logger.ts';
import { scopeKeyOf } from './belonging.ts';
import type { OpenSession } from './sessions.ts';

export interface AlignRequest {
  readonly open: OpenSession;
  readonly goal: FabricGoal;
  readonly maxAgeMs: number;
  /** Only look and plan; change nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

export interface Aligned {
  readonly view: FabricView;
  /** What is still to be done. */
  readonly steps: readonly Step[];
  readonly ran: readonly Step[];
}

/** What stands around machines: brought to its goal, and remembered as last seen. */
export interface Fabrics {
  /** Runs the steps that can run now, one by one, planning anew after each. */
  align(request: AlignRequest): Promise<Aligned>;
  /** As last seen, without a call. */
  lastView(scopeKey: string): FabricView | undefined;
  forget(scopeKey: string): void;
  /** Of all placements of the Network. */
  forgetNetwork(network: string): void;
}

/** A plan that does not come to an end is a defect of a cloud; this ends it. */
const mostSteps = 500;

export function createFabrics({
  logger,
  onView,
}: {
  readonly logger: Logger;
  readonly onView: (scopeKey: string, before: FabricView | undefined, now: FabricView) => void;
}): Fabrics {
  const views = new Map<string, FabricView>();

  async function look({ open, goal, maxAgeMs, signal }: AlignRequest): Promise<FabricView> {
    const key = scopeKeyOf(goal.scope.owner);
    const view = await open.session.fabric.observe(goal.scope, { maxAgeMs, signal });
    const before = views.get(key);
    views.set(key, view);
    if (before !== view) onView(key, before, view);
    return view;
  }

  return {
    async align(request) {
      const { open, goal, dryRun, signal } = request;
      const { fabric } = open.session;
      const ran: Step[] = [];
      for (;;) {
        const view = await look(request);
        const steps = fabric.plan(goal, view);
        const next = steps.find(({ waits }) => waits === undefined);
        if (next === undefined || dryRun) return { view, steps, ran };
        if (ran.length >= mostSteps)
          throw new Error(
            `${scopeKeyOf(goal.scope.owner)}: still ${next.verb} ${next.kind} ${next.name} after ${mostSteps} steps`,
          );
        await fabric.run(next, signal);
        ran.push(next);
        const { verb, kind, name, because } = next;
        logger.info(
          { scope: scopeKeyOf(goal.scope.owner), verb, kind, name, because },
          'changed the surroundings',
        );
      }
    },
    lastView: (scopeKey) => views.get(scopeKey),
    forget: (scopeKey) => void views.delete(scopeKey),
    forgetNetwork(network) {
      const prefix = scopeKeyOf({ cluster: '', network, placement: '' });
      for (const scopeKey of views.keys()) if (scopeKey.startsWith(prefix)) views.delete(scopeKey);
    },
  };
}
