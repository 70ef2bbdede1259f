import { endInstance } from './ec2/instances.ts';
import { removeBalancer } from './elb/balancers.ts';
import type { StateReason, TargetState } from './records.ts';
import type { Region } from './region.ts';

/** What others do to our resources: each change happens as if by another hand, without a call of ours. */
export interface Drift {
  /** Ends a machine; `reason` as in a failed start, e.g. `{code: 'Server.InternalError', message: ...}`. */
  terminateInstance(region: string, instanceId: string, reason?: StateReason): void;
  stopInstance(region: string, instanceId: string): void;
  /** With its listeners; deletion protection does not help. */
  deleteLoadBalancer(region: string, arn: string): void;
  deleteListener(region: string, arn: string): void;
  /** Takes every rule of one direction, or of both, out of a group. */
  revokeRules(region: string, groupId: string, direction?: 'ingress' | 'egress'): void;
  /** What the health check of a target says from now on. Undefined: what it would say by itself. */
  setHealth(
    targetGroupArn: string,
    instanceId: string,
    state: TargetState | undefined,
    reason?: string,
  ): void;
}

export function createDrift(regionNamed: (name: string) => Region): Drift {
  return {
    terminateInstance: (name, instanceId, reason) => {
      const region = regionNamed(name);
      const instance = found(region.instances.get(instanceId), instanceId);
      endInstance(
        region,
        instance,
        reason ?? {
          code: 'Server.SpotInstanceTermination',
          message: 'Server.SpotInstanceTermination: Spot instance termination',
        },
      );
    },
    stopInstance: (name, instanceId) => {
      const region = regionNamed(name);
      const instance = found(region.instances.get(instanceId), instanceId);
      region.instances.put({ ...instance, stoppedAt: region.clock.now() });
    },
    deleteLoadBalancer: (name, arn) => {
      const region = regionNamed(name);
      removeBalancer(region, found(region.balancers.get(arn), arn));
    },
    deleteListener: (name, arn) => {
      const { listeners } = regionNamed(name);
      listeners.remove(found(listeners.get(arn), arn).id);
    },
    revokeRules: (name, groupId, direction) => {
      const { groups } = regionNamed(name);
      const group = found(groups.get(groupId), groupId);
      const kept =
        direction === undefined ? [] : group.rules.filter((rule) => rule.egress !== (direction === 'egress'));
      groups.put({ ...group, rules: kept });
    },
    setHealth: (targetGroupArn, instanceId, state, reason) => {
      const { targetGroups } = regionNamed(targetGroupArn.split(':')[3] ?? '');
      const group = found(targetGroups.get(targetGroupArn), targetGroupArn);
      const forced = state === undefined ? undefined : { state, reason: reason ?? reasons[state] };
      const targets = Array.from(
        group.targets,
        ([key, target]) => [key, target.instanceId === instanceId ? { ...target, forced } : target] as const,
      );
      targetGroups.put({ ...group, targets: new Map(targets) });
    },
  };
}

const reasons: Readonly<Partial<Record<TargetState, string>>> = {
  unhealthy: 'Target.FailedHealthChecks',
  initial: 'Elb.InitialHealthChecking',
  unused: 'Target.NotInUse',
  draining: 'Target.DeregistrationInProgress',
};

function found<T>(record: T | undefined, id: string): T {
  if (record === undefined) throw new Error(`there is no ${id}`);
  return record;
}
