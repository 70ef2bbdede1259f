/** Target groups and their members, as calls. Each leaves the snapshot as the call left the cloud. */
import { type HealthCheck, NEW_POOL } from './found.ts';
import { type Hands, isCode, orIfGone } from './hands.ts';
import { scopeKey } from './names.ts';
import { readOwners, targetId } from './reads.ts';
import { nameTaken } from './refusals.ts';
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
    snapshot.owners.made(pool.arn, owner);
    // Nobody knows of it yet, so that there is nothing to be read.
    const attributes = snapshot.poolAttributes(pool.arn);
    for (const [key, value] of NEW_POOL) attributes.changed(key, value);
    attributes.begun();
    snapshot.targets(pool.arn).begun();
  } catch (thrown) {
    if (!isCode(thrown, 'alreadyExists')) throw thrown;
    const { TargetGroups: [known] = [] } = await sdk.describeTargetGroups({ Names: [name] }, asker);
    if (known === undefined) throw thrown;
    const pool = poolRow(known);
    const [, holder] = (await readOwners(sdk, hands.cluster, [pool.arn], asker)).at(-1) ?? [];
    if (holder === undefined || holder === 'other' || scopeKey(holder) !== scopeKey(owner)) {
      throw nameTaken('CreateTargetGroup', { kind: 'target group', name });
    }
    snapshot.pools.made(pool.arn, pool);
    snapshot.owners.made(pool.arn, owner);
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

/**
 * AWS refuses a whole call for one machine that has ended in the meantime, or for the first that a zone has no room for. The
 * rest gets in by halves; what was refused is thrown when all that can be in is.
 */
export async function register(
  hands: Hands,
  { arn, targets }: ActionOf<'register' | 'deregister'>,
): Promise<void> {
  const [refusal] = await registerHalves(hands, arn, targets);
  if (refusal !== undefined) throw refusal;
}

async function registerHalves(hands: Hands, arn: string, targets: Targets): Promise<readonly Error[]> {
  try {
    await hands.sdk.registerTargets({ TargetGroupArn: arn, Targets: targetList(targets) }, hands.asker);
  } catch (thrown) {
    if (!isCode(thrown, 'invalid') && !isCode(thrown, 'quota')) throw thrown;
    if (targets.length === 1) return [thrown];
    const middle = Math.ceil(targets.length / 2);
    const first = await registerHalves(hands, arn, targets.slice(0, middle));
    return [...first, ...(await registerHalves(hands, arn, targets.slice(middle)))];
  }
  const part = hands.snapshot.targets(arn);
  for (const target of targets) {
    part.changed(targetId(target), { ...target, health: 'initial', reason: 'Elb.RegistrationInProgress' });
  }
  return [];
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
