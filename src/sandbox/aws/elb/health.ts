import { runningAt, stateOf } from '../ec2/state.ts';
import type { Target, TargetGroup, TargetState } from '../records.ts';
import type { Region } from '../region.ts';
import { listenersOf } from './lookup.ts';

export interface Health {
  readonly state: TargetState;
  readonly reason: string | undefined;
  readonly description: string | undefined;
}

/**
 * Reads the health of a group's targets at a moment, from times alone; undefined for one that has left. Reasons are those
 * of https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
 */
export function healthOf(
  region: Region,
  group: TargetGroup,
  at: number,
): (target: Target) => Health | undefined {
  const attachments = listenersOf(region, group.id, at).flatMap((listener) => {
    const balancer = region.balancers.seenById(listener.balancerArn, at);
    return balancer === undefined
      ? []
      : [{ balancer, since: Math.max(balancer.activeAt, listener.attachedAt) }];
  });
  const usedSince = Math.min(...attachments.map((attachment) => attachment.since));
  const zones = new Set(attachments.flatMap(({ balancer }) => balancer.zones.map((zone) => zone.zone)));
  const drainMs = Number(group.attributes['deregistration_delay.timeout_seconds'] ?? '300') * 1000;

  return (target) => {
    const instance = region.instances.get(target.instanceId);
    const endedAt = instance === undefined ? target.registeredAt : instance.endedAt;
    const leftAt = Math.min(
      target.deregisteredAt ?? Number.POSITIVE_INFINITY,
      endedAt ?? Number.POSITIVE_INFINITY,
    );
    if (at >= leftAt) {
      // Without a balancer there are no connections to wait for.
      return attachments.length > 0 && at < leftAt + drainMs ? draining : undefined;
    }
    if (target.forced !== undefined) return { ...target.forced, description: 'Set from outside' };
    if (attachments.length === 0) return notInUse;
    if (instance === undefined) return undefined;
    if (stateOf(region, instance, at) === 'stopped') return stopped;
    if (!zones.has(instance.zone)) return wrongZone;
    if (at < usedSince) return registering;
    const checkedFrom = Math.max(target.registeredAt, runningAt(instance), usedSince);
    return at < checkedFrom + region.settings.healthMs ? checking : healthy;
  };
}

const healthy: Health = { state: 'healthy', reason: undefined, description: undefined };

const registering: Health = {
  state: 'initial',
  reason: 'Elb.RegistrationInProgress',
  description: 'Target registration is in progress',
};

const checking: Health = {
  state: 'initial',
  reason: 'Elb.InitialHealthChecking',
  description: 'Initial health checks in progress',
};

const draining: Health = {
  state: 'draining',
  reason: 'Target.DeregistrationInProgress',
  description: 'Target deregistration is in progress',
};

const notInUse: Health = {
  state: 'unused',
  reason: 'Target.NotInUse',
  description: 'Target group is not configured to receive traffic from the load balancer',
};

const wrongZone: Health = {
  state: 'unused',
  reason: 'Target.NotInUse',
  description: 'Target is in an Availability Zone that is not enabled for the load balancer',
};

const stopped: Health = {
  state: 'unused',
  reason: 'Target.InvalidState',
  description: 'Target is in the stopped state',
};
