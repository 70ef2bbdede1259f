import type { Call, Handlers } from '../call.ts';
import { stateOf } from '../ec2/state.ts';
import { refuse } from '../errors.ts';
import type { Params } from '../query.ts';
import type { Balancer, Target, TargetGroup } from '../records.ts';
import type { Region } from '../region.ts';
import { leaf, members, node } from '../xml.ts';
import { type Health, healthOf } from './health.ts';
import { findTargetGroup, required, targetGroupNotFound } from './lookup.ts';
import { balancersOf } from './target-groups.ts';

export const targetHandlers: Handlers = {
  RegisterTargets: registerTargets,
  DeregisterTargets: deregisterTargets,
  DescribeTargetHealth: describeTargetHealth,
};

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html */
const perTargetGroup = 1000;
const perZone = 500;

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html */
function registerTargets(call: Call): string {
  const { params, region, now } = call;
  const group = findTargetGroup(region, params);
  const wanted = readTargets(params, group);
  checkInstances(region, group, wanted, now);
  const targets = new Map(group.targets);
  for (const { instanceId, port } of wanted) {
    const key = `${instanceId}:${port}`;
    const present = targets.get(key);
    // Registering what is registered changes nothing; what drains comes back as new.
    if (present !== undefined && present.deregisteredAt === undefined) continue;
    targets.set(key, { instanceId, port, registeredAt: now, deregisteredAt: undefined, forced: undefined });
  }
  const changed = { ...group, targets };
  checkQuotas(region, changed, now);
  region.targetGroups.put(changed);
  return '';
}

function deregisterTargets(call: Call): string {
  const { params, region, now } = call;
  const group = findTargetGroup(region, params);
  const targets = new Map(dropGone(region, group, now));
  for (const target of params.list('Targets')) {
    const id = target.text('Id') ?? '';
    const port = target.text('Port');
    // Without a port every registration of the instance goes. What is not registered is no error.
    for (const [key, present] of targets) {
      if (present.instanceId !== id || (port !== undefined && present.port !== Number(port))) continue;
      if (present.deregisteredAt === undefined) targets.set(key, { ...present, deregisteredAt: now });
    }
  }
  region.targetGroups.put({ ...group, targets });
  return '';
}

function describeTargetHealth(call: Call): string {
  const { params, region, seenAt } = call;
  const group = region.targetGroups.seenById(required(params, 'TargetGroupArn'), seenAt);
  if (group === undefined) throw targetGroupNotFound();
  const read = healthOf(region, group, seenAt);
  const asked = params.list('Targets');
  const answers =
    asked.length === 0
      ? Array.from(group.targets.values())
      : readTargets(params, group).map(
          ({ instanceId, port }) => group.targets.get(`${instanceId}:${port}`) ?? { instanceId, port },
        );
  const described = answers.flatMap((target) => {
    const health = 'registeredAt' in target ? read(target) : undefined;
    if (health !== undefined) return [{ target, health }];
    return asked.length === 0 ? [] : [{ target, health: notRegistered }];
  });
  return members(
    'TargetHealthDescriptions',
    described,
    ({ target, health }) =>
      node('Target', leaf('Id', target.instanceId), leaf('Port', target.port)) +
      leaf(
        'HealthCheckPort',
        group.healthCheck.port === 'traffic-port' ? target.port : group.healthCheck.port,
      ) +
      node(
        'TargetHealth',
        leaf('State', health.state),
        leaf('Reason', health.reason),
        leaf('Description', health.description),
      ),
  );
}

const notRegistered: Health = {
  state: 'unused',
  reason: 'Target.NotRegistered',
  description: 'Target is not registered to the target group',
};

function readTargets(
  params: Params,
  group: TargetGroup,
): { readonly instanceId: string; readonly port: number }[] {
  return params.list('Targets').map((target) => ({
    instanceId: target.text('Id') ?? '',
    port: Number(target.text('Port') ?? group.port),
  }));
}

function checkInstances(
  region: Region,
  group: TargetGroup,
  wanted: readonly { readonly instanceId: string }[],
  now: number,
): void {
  if (group.targetType !== 'instance') return;
  const idle = wanted.filter(({ instanceId }) => {
    const instance = region.instances.get(instanceId);
    return instance === undefined || stateOf(region, instance, now) !== 'running';
  });
  if (idle.length > 0) {
    throw refuse(
      'InvalidTarget',
      `The following targets are not in a running state and cannot be registered: ${quoted(idle)}`,
    );
  }
  const elsewhere = wanted.filter(
    ({ instanceId }) => region.instances.get(instanceId)?.vpcId !== group.vpcId,
  );
  if (elsewhere.length > 0) {
    throw refuse(
      'InvalidTarget',
      `The following targets are not in the target group VPC '${group.vpcId}': ${quoted(elsewhere)}`,
    );
  }
}

function quoted(targets: readonly { readonly instanceId: string }[]): string {
  return targets.map(({ instanceId }) => `'${instanceId}'`).join(', ');
}

function checkQuotas(region: Region, group: TargetGroup, now: number): void {
  const registered = current(region, group, now);
  if (registered.length > perTargetGroup) {
    throw refuse(
      'TooManyTargets',
      `The maximum number of targets for target group '${group.id}' has been reached: ${perTargetGroup}`,
    );
  }
  for (const arn of balancersOf(region, group, now)) {
    const balancer = region.balancers.get(arn);
    if (balancer !== undefined) checkBalancer(region, balancer, group, now);
  }
}

/**
 * A balancer counts its targets over all its groups: an application balancer 1,000 in all; a network balancer 500 for each
 * zone, or 500 in all when it balances across zones.
 */
function checkBalancer(region: Region, balancer: Balancer, changed: TargetGroup, now: number): void {
  const targets = region.targetGroups
    .all()
    .map((group) => (group.id === changed.id ? changed : group))
    .filter((group) => balancersOf(region, group, now).includes(balancer.id))
    .flatMap((group) => current(region, group, now));
  const crossZone = balancer.attributes['load_balancing.cross_zone.enabled'] === 'true';
  const counts = new Map<string, number>();
  for (const target of targets) {
    const zone = crossZone ? 'all' : (region.instances.get(target.instanceId)?.zone ?? '');
    counts.set(zone, (counts.get(zone) ?? 0) + 1);
  }
  const most = balancer.type === 'application' ? 1000 : perZone;
  for (const [zone, count] of counts) {
    if (count > most) {
      throw refuse(
        'TooManyTargets',
        `The maximum number of targets for load balancer '${balancer.id}' has been reached: ${most} (${zone})`,
      );
    }
  }
}

/** Targets that are registered and neither drain nor belong to a machine that ended. */
function current(region: Region, group: TargetGroup, now: number): Target[] {
  return Array.from(group.targets.values()).filter((target) => {
    const endedAt = region.instances.get(target.instanceId)?.endedAt;
    return target.deregisteredAt === undefined && (endedAt === undefined || endedAt > now);
  });
}

/** What has drained is forgotten with the next change. */
function dropGone(region: Region, group: TargetGroup, now: number): ReadonlyMap<string, Target> {
  const read = healthOf(region, group, now);
  return new Map(Array.from(group.targets).filter(([, target]) => read(target) !== undefined));
}
