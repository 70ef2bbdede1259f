/** Target groups and their members, as calls. Each leaves the snapshot as the call left the cloud. */
import { CloudError } from '../../cloud.ts';
import { tagMap } from '../tags.ts';
import { type HealthCheck, NEW_POOL, type Pool } from './found.ts';
import { type Hands, orIfGone } from './hands.ts';
import { scopeKey } from './names.ts';
import { readTagged, targetId } from './reads.ts';
import { isCode, nameTaken, notNow } from './refusals.ts';
import { poolRow } from './rows.ts';
import { protocolOf } from './run-balancer.ts';
import type { ActionOf } from './steps.ts';

export async function createPool(hands: Hands, action: ActionOf<'create pool'>): Promise<void> {
  const { sdk, snapshot, asker } = hands;
  const { name, protocol, port, vpcId, health, owner } = action;
  try {
    const { TargetGroups: [made] = [] } = await sdk.createTargetGroup(
      {
        Name: name,
        Protocol: protocolOf(protocol),
        Port: port,
        VpcId: vpcId,
        TargetType: 'instance',
        ...healthInput(health),
        Tags: [...action.tags],
      },
      asker,
    );
    if (made === undefined) return snapshot.pools.expire();
    const pool = poolRow(made);
    snapshot.pools.made(pool.arn, pool);
    snapshot.tagged.made(pool.arn, { owner, tags: tagMap(action.tags) });
    // Nobody knows of it yet, so that there is nothing to be read.
    const attributes = snapshot.poolAttributes(pool.arn);
    for (const [key, value] of NEW_POOL) attributes.changed(key, value);
    attributes.begun();
    snapshot.targets(pool.arn).begun();
  } catch (thrown) {
    if (!isCode(thrown, 'alreadyExists')) throw thrown;
    const known = await poolNamed(hands, name);
    if (known === undefined) throw notNow(thrown);
    const [, tagged] = (await readTagged(sdk, hands.cluster, [known.arn], asker)).at(-1) ?? [];
    if (tagged === undefined) throw notNow(thrown);
    if (tagged.owner === 'other' || scopeKey(tagged.owner) !== scopeKey(owner)) {
      throw nameTaken('CreateTargetGroup', { kind: 'target group', name });
    }
    snapshot.pools.made(known.arn, known);
    snapshot.tagged.made(known.arn, tagged);
  }
}

async function poolNamed({ sdk, asker }: Hands, name: string): Promise<Pool | undefined> {
  try {
    const { TargetGroups: [known] = [] } = await sdk.describeTargetGroups({ Names: [name] }, asker);
    return known === undefined ? undefined : poolRow(known);
  } catch (thrown) {
    if (isCode(thrown, 'notFound')) return undefined;
    throw thrown;
  }
}

export async function setHealthCheck(
  { sdk, snapshot, asker }: Hands,
  { arn, health }: ActionOf<'set health check'>,
): Promise<void> {
  await sdk.modifyTargetGroup({ TargetGroupArn: arn, ...healthInput(health) }, asker);
  const pool = snapshot.pools.rows().get(arn);
  if (pool !== undefined) snapshot.pools.changed(arn, { ...pool, health });
}

function healthInput(health: HealthCheck) {
  return {
    HealthCheckProtocol: protocolOf(health.protocol),
    HealthCheckPort: health.port,
    ...(health.path === undefined ? {} : { HealthCheckPath: health.path }),
    ...(health.matcher === undefined ? {} : { Matcher: { HttpCode: health.matcher } }),
    HealthCheckIntervalSeconds: health.intervalSeconds,
    HealthCheckTimeoutSeconds: health.timeoutSeconds,
    HealthyThresholdCount: health.healthyThreshold,
    UnhealthyThresholdCount: health.unhealthyThreshold,
  };
}

export async function setPoolAttributes(
  { sdk, snapshot, asker }: Hands,
  { arn, attributes }: ActionOf<'set pool attributes'>,
): Promise<void> {
  const list = Object.entries(attributes);
  await sdk.modifyTargetGroupAttributes(
    { TargetGroupArn: arn, Attributes: list.map(([Key, Value]) => ({ Key, Value })) },
    asker,
  );
  for (const [key, value] of list) snapshot.poolAttributes(arn).changed(key, value);
}

export async function deletePool(
  { sdk, snapshot, asker }: Hands,
  { arn }: ActionOf<'delete pool'>,
): Promise<void> {
  await orIfGone(sdk.deleteTargetGroup({ TargetGroupArn: arn }, asker));
  snapshot.pools.removed(arn);
}

type Targets = ActionOf<'register' | 'deregister'>['targets'];

/** Enough to single out two machines of a full call. */
const REFUSALS_PER_STEP = 24;

/**
 * AWS refuses a whole call for one machine that has ended in the meantime, or for the first that a zone has no room for.
 * The rest gets in by halves; the first refusal is thrown when all is in that can be. After too many of them the rest is
 * left to the next pass, where those refused before come last.
 */
export async function register(
  hands: Hands,
  { arn, targets }: ActionOf<'register' | 'deregister'>,
): Promise<void> {
  const refusals: CloudError[] = [];
  const left: Targets[] = [targets];
  for (let some = left.shift(); some !== undefined; some = left.shift()) {
    const refusal = await registerOnce(hands, arn, some);
    if (refusal === undefined) continue;
    refusals.push(refusal);
    if (refusals.length >= REFUSALS_PER_STEP) break;
    if (some.length === 1) {
      for (const target of some) hands.snapshot.refused(arn).add(targetId(target));
    } else {
      const middle = Math.ceil(some.length / 2);
      left.unshift(some.slice(0, middle), some.slice(middle));
    }
  }
  const [first] = refusals;
  if (first !== undefined) throw first;
}

const ABOUT_ONE_TARGET: readonly string[] = [
  'InvalidTarget',
  'TooManyTargets',
  'TooManyRegistrationsForTargetId',
];

/** Answers the refusal, if it may be about some of them only. */
async function registerOnce(hands: Hands, arn: string, targets: Targets): Promise<CloudError | undefined> {
  try {
    await hands.sdk.registerTargets({ TargetGroupArn: arn, Targets: targetList(targets) }, hands.asker);
  } catch (thrown) {
    if (thrown instanceof CloudError && ABOUT_ONE_TARGET.includes(thrown.reason)) return thrown;
    throw thrown;
  }
  const part = hands.snapshot.targets(arn);
  for (const target of targets) {
    part.changed(targetId(target), { ...target, health: 'initial', reason: 'Elb.RegistrationInProgress' });
    hands.snapshot.refused(arn).delete(targetId(target));
  }
  return undefined;
}

export async function deregister(
  { sdk, snapshot, asker }: Hands,
  { arn, targets }: ActionOf<'register' | 'deregister'>,
): Promise<void> {
  await sdk.deregisterTargets({ TargetGroupArn: arn, Targets: targetList(targets) }, asker);
  const part = snapshot.targets(arn);
  for (const target of targets) {
    part.changed(targetId(target), {
      ...target,
      health: 'draining',
      reason: 'Target.DeregistrationInProgress',
    });
  }
}

function targetList(targets: Targets): { Id: string; Port: number }[] {
  return targets.map(({ id, port }) => ({ Id: id, Port: port }));
}
