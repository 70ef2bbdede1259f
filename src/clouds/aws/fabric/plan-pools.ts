/** Target groups and who is in them. */
import { chunksOf } from '../paging.ts';
import { type FoundBalancer, type FoundPool, type HealthCheck, NEW_POOL, type Target } from './found.ts';
import { changedAttributes } from './plan-balancer.ts';
import { listenerName } from './plan-listeners.ts';
import { nameTaken } from './refusals.ts';
import { type AwsStep, type Behalf, stepOf } from './steps.ts';
import type { DesiredPool } from './wish.ts';

const KIND = 'target group';

/**
 * How many targets one call names. All of them succeed or none, so that a call is worth splitting; AWS's own limit is not
 * published.
 */
export const TARGETS_PER_CALL = 200;

/** Makes the target group, or brings what can change on it in line. */
export function planPool(
  behalf: Behalf,
  desired: DesiredPool,
  found: FoundPool | undefined,
  context: { readonly vpcId: string; readonly taken: ReadonlySet<string> },
): readonly AwsStep[] {
  const what = { kind: KIND, name: desired.name };
  const steps: AwsStep[] = [];
  if (found === undefined) {
    const shown = {
      verb: 'create',
      ...what,
      because: `nothing forwards to ${desired.protocol} ${desired.port}`,
    } as const;
    steps.push(
      stepOf(
        behalf,
        shown,
        context.taken.has(desired.name)
          ? { do: 'refuse', error: nameTaken('CreateTargetGroup', shown) }
          : {
              do: 'create pool',
              name: desired.name,
              protocol: desired.protocol,
              port: desired.port,
              vpcId: context.vpcId,
              health: desired.health,
              owner: behalf.owner,
              tags: behalf.tags,
            },
      ),
    );
  } else {
    const because = healthMisfit(desired.health, found.health);
    if (because !== undefined) {
      steps.push(
        stepOf(
          behalf,
          { verb: 'update', ...what, because },
          { do: 'set health check', arn: found.arn, health: desired.health },
        ),
      );
    }
  }
  const changed = changedAttributes(desired.attributes, found?.attributes ?? NEW_POOL);
  if (changed !== undefined) {
    steps.push(
      stepOf(
        behalf,
        { verb: 'update', ...what, because: changed.because },
        found === undefined
          ? `target group ${desired.name} is not there yet`
          : { do: 'set pool attributes', arn: found.arn, attributes: changed.attributes },
      ),
    );
  }
  return steps;
}

function healthMisfit(wished: HealthCheck, found: HealthCheck): string | undefined {
  const members = [
    'protocol',
    'port',
    'path',
    'matcher',
    'intervalSeconds',
    'timeoutSeconds',
    'healthyThreshold',
    'unhealthyThreshold',
  ] as const;
  const different = members.find((member) => wished[member] !== found[member]);
  if (different === undefined) return undefined;
  return `its health check has ${different} ${found[different] ?? 'not set'}, wished is ${wished[different] ?? 'not set'}`;
}

/** `members`: ids of machines, in a stable order. Those that AWS refused before come last, and hold up no others. */
export function planRegister(
  behalf: { readonly owner: Behalf['owner'] },
  desired: { readonly name: string; readonly port: number },
  found: FoundPool | undefined,
  members: readonly string[],
): readonly AwsStep[] {
  const present = new Set((found?.targets ?? []).filter(isIn).map(targetKey));
  const missing = members
    .map((id) => ({ id, port: desired.port }))
    .filter((target) => !present.has(targetKey(target)));
  const [again = [], first = []] = [true, false].map((before) =>
    missing.filter((target) => (found?.refused.has(targetKey(target)) ?? false) === before),
  );
  return [first, again]
    .flatMap(inCalls)
    .map((targets) =>
      stepOf(
        behalf,
        { verb: 'register', kind: KIND, name: desired.name, because: `${list(targets)} not in it` },
        found === undefined
          ? `target group ${desired.name} is not there yet`
          : { do: 'register', arn: found.arn, targets },
      ),
    );
}

export function planDeregister(
  behalf: { readonly owner: Behalf['owner'] },
  found: FoundPool,
  members: readonly string[],
): readonly AwsStep[] {
  const wished = new Set(members.map((id) => targetKey({ id, port: found.port })));
  const surplus = found.targets.filter((target) => isIn(target) && !wished.has(targetKey(target)));
  const targets = surplus
    .map(({ id, port }) => ({ id, port }))
    .sort((a, b) => (targetKey(a) < targetKey(b) ? -1 : 1));
  return inCalls(targets).map((some) =>
    stepOf(
      behalf,
      { verb: 'deregister', kind: KIND, name: found.name, because: `${list(some)} to leave it` },
      { do: 'deregister', arn: found.arn, targets: some },
    ),
  );
}

export function planDeletePool(
  behalf: { readonly owner: Behalf['owner'] },
  found: FoundPool,
  because: string,
  balancers: readonly FoundBalancer[],
): AwsStep {
  const user = balancers
    .flatMap((balancer) => balancer.listeners)
    .find((listener) => listener.poolArns.includes(found.arn));
  return stepOf(
    behalf,
    { verb: 'delete', kind: KIND, name: found.name, because },
    user === undefined
      ? { do: 'delete pool', arn: found.arn }
      : `listener ${listenerName(user)} still forwards to it`,
  );
}

/** One that is draining has been deregistered already. */
const isIn = (target: Target): boolean => target.health !== 'draining';

const targetKey = (target: { readonly id: string; readonly port: number }): string =>
  `${target.id}:${target.port}`;

const inCalls = <Item>(targets: readonly Item[]): Item[][] => chunksOf(targets, TARGETS_PER_CALL);

/** For people: `i-1, i-2, i-3 and 4 more are`. */
function list(targets: readonly { readonly id: string }[]): string {
  const shown = targets.slice(0, 3).map((target) => target.id);
  const more = targets.length > shown.length ? ` and ${targets.length - shown.length} more` : '';
  return `${shown.join(', ')}${more} ${targets.length === 1 ? 'is' : 'are'}`;
}
