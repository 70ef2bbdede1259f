import type { FabricGoal, FabricView, Scope, Step } from '../clouds/cloud.ts';
import type { Logger } from '../runtime/logger.ts';
import { scopeKeyOf } from './belonging.ts';
import type { OpenSession } from './sessions.ts';

export interface LookRequest {
  readonly open: OpenSession;
  readonly scope: Scope;
  readonly maxAgeMs: number;
  readonly signal: AbortSignal;
}

export interface AlignRequest extends Omit<LookRequest, 'scope'> {
  readonly goal: FabricGoal;
  /** What `look` has just answered for this scope: the first plan is made from it. */
  readonly view?: FabricView | undefined;
  /** Only look and plan; change nothing. */
  readonly dryRun: boolean;
  /** Logins of registries, for a step that has an image fetched. */
  readonly logins?: ((signal: AbortSignal) => Promise<{ reveal(): string }>) | undefined;
}

export interface Aligned {
  readonly view: FabricView;
  /** What is still to be done. */
  readonly steps: readonly Step[];
  readonly ran: readonly Step[];
}

/** What stands around machines: brought to its goal, and remembered as last seen. */
export interface Fabrics {
  look(request: LookRequest): Promise<FabricView>;
  /** Runs the steps that can run now, one by one, planning anew after each. */
  align(request: AlignRequest): Promise<Aligned>;
  /** What stands in another scope, a region's, counts for the machines of this one too. */
  share(scopeKey: string, sharing: Sharing): void;
  /**
   * As last seen, without a call. Of a scope that shares another: both in one, and nothing as long as one of them has not
   * been seen.
   */
  lastView(scopeKey: string): FabricView | undefined;
  forget(scopeKey: string): void;
  /** Of all placements of the Network. */
  forgetNetwork(network: string): void;
}

export interface Sharing {
  /** Scope key of the region. */
  readonly region: string;
  /** Whose balancer says how the machines are. Absent: as before; nothing is said as long as nobody has said so. */
  readonly front?: 'own' | 'shared';
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
  const sharings = new Map<string, Sharing>();

  async function look({ open, scope, maxAgeMs, signal }: LookRequest): Promise<FabricView> {
    const key = scopeKeyOf(scope.owner);
    const view = await open.session.fabric.observe(scope, { maxAgeMs, signal });
    const before = views.get(key);
    views.set(key, view);
    if (before !== view) onView(key, before, view);
    return view;
  }

  function lastView(scopeKey: string): FabricView | undefined {
    const own = views.get(scopeKey);
    const sharing = sharings.get(scopeKey);
    if (sharing === undefined || own === undefined) return own;
    const shared = views.get(sharing.region);
    return shared === undefined || sharing.front === undefined
      ? undefined
      : inOne(own, shared, sharing.front);
  }

  return {
    look,
    async align({ open, goal, view: known, maxAgeMs, dryRun, logins, signal }) {
      const { scope } = goal;
      const { fabric } = open.session;
      const ran: Step[] = [];
      for (;;) {
        const isKnown = known !== undefined && ran.length === 0;
        const view = isKnown ? known : await look({ open, scope, maxAgeMs, signal });
        const steps = fabric.plan(goal, view);
        const next = steps.find(({ waits }) => waits === undefined);
        if (next === undefined || dryRun) return { view, steps, ran };
        if (ran.length >= mostSteps)
          throw new Error(
            `${scopeKeyOf(scope.owner)}: still ${next.verb} ${next.kind} ${next.name} after ${mostSteps} steps`,
          );
        await fabric.run(next, signal, logins && { logins });
        ran.push(next);
        const { verb, kind, name, because } = next;
        logger.info(
          { scope: scopeKeyOf(scope.owner), verb, kind, name, because },
          'changed the surroundings',
        );
      }
    },
    share(scopeKey, { region, front = sharings.get(scopeKey)?.front }) {
      sharings.set(scopeKey, { region, ...(front && { front }) });
    },
    lastView,
    forget(scopeKey) {
      views.delete(scopeKey);
      sharings.delete(scopeKey);
    },
    forgetNetwork(network) {
      const prefix = scopeKeyOf({ cluster: '', network, placement: '' });
      for (const known of [views, sharings])
        for (const scopeKey of known.keys()) if (scopeKey.startsWith(prefix)) known.delete(scopeKey);
    },
  };
}

/** Who is in the other balancer only has left the one that counts, or is not in it yet. */
function inOne(own: FabricView, shared: FabricView, front: 'own' | 'shared'): FabricView {
  const [first, second] = front === 'own' ? [own, shared] : [shared, own];
  const { balancer: _, ...around } = own;
  const others = [...second.members].map(([id, member]) => [id, { ...member, pools: 0 }] as const);
  const isNew = ({ id }: FabricView['resources'][number]) => own.resources.every((one) => one.id !== id);
  return {
    ...around,
    ageMs: Math.max(own.ageMs, shared.ageMs),
    ...(first.balancer && { balancer: first.balancer }),
    members: new Map([...others, ...first.members]),
    pools: first.pools,
    resources: [...own.resources, ...shared.resources.filter(isNew)],
  };
}
