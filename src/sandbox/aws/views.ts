import { visibleInstances } from './ec2/instances.ts';
import { type InstanceState, stateOf } from './ec2/state.ts';
import { taggedResources } from './ec2/tagging.ts';
import { healthOf } from './elb/health.ts';
import { balancersOf } from './elb/target-groups.ts';
import type {
  Balancer,
  Instance,
  KeyPair,
  Listener,
  SecurityGroup,
  Subnet,
  TargetGroup,
  TargetState,
  Vpc,
} from './records.ts';
import type { Region } from './region.ts';

/** What is really there in a region, whatever the read lag makes describes say. */
export interface RegionState {
  readonly vpcs: readonly Vpc[];
  readonly subnets: readonly Subnet[];
  readonly securityGroups: readonly SecurityGroup[];
  readonly keyPairs: readonly KeyPair[];
  /** Terminated machines too, for as long as lists would show them. */
  readonly instances: readonly (Instance & { readonly state: InstanceState })[];
  readonly loadBalancers: readonly (Balancer & { readonly state: 'provisioning' | 'active' })[];
  readonly targetGroups: readonly (Omit<TargetGroup, 'targets'> & {
    readonly loadBalancerArns: readonly string[];
    readonly targets: readonly TargetView[];
  })[];
  readonly listeners: readonly Listener[];
}

interface TargetView {
  readonly instanceId: string;
  readonly port: number;
  readonly state: TargetState;
  readonly reason: string | undefined;
}

export interface OwnedResource {
  readonly account: string;
  readonly region: string;
  /** `instance`, `volume`, `network-interface`, `security-group`, `load-balancer`, `target-group`, `listener`, ... */
  readonly type: string;
  /** Id or ARN. */
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

export function viewOf(region: Region): RegionState {
  const at = region.clock.now();
  return {
    vpcs: region.vpcs.all(),
    subnets: region.subnets.all(),
    securityGroups: region.groups.all(),
    keyPairs: region.keyPairs.all(),
    instances: visibleInstances(region, at).map((instance) => ({
      ...instance,
      state: stateOf(region, instance, at) ?? 'terminated',
    })),
    loadBalancers: region.balancers.all().map((balancer) => ({
      ...balancer,
      state: at < balancer.activeAt ? 'provisioning' : 'active',
    })),
    targetGroups: region.targetGroups.all().map((group) => ({
      ...group,
      loadBalancerArns: balancersOf(region, group, at),
      targets: targetsOf(region, group, at),
    })),
    listeners: region.listeners.all(),
  };
}

/** Everything that exists and carries a tag key. Terminated machines do not count: they only wait to be forgotten. */
export function ownedIn(region: Region, tagKey: string): OwnedResource[] {
  const at = region.clock.now();
  const ended = new Set(
    visibleInstances(region, at)
      .filter((instance) => stateOf(region, instance, at) === 'terminated')
      .map((instance) => instance.id),
  );
  const balancing = [...region.balancers.all(), ...region.targetGroups.all(), ...region.listeners.all()];
  return [
    ...taggedResources(region, at),
    ...balancing.map(({ id, tags }) => ({ id, tags, type: typeOf(id) })),
  ]
    .filter((resource) => tagKey in resource.tags && !ended.has(resource.id))
    .map(({ type, id, tags }) => ({ account: region.account, region: region.name, type, id, tags }));
}

function typeOf(arn: string): string {
  if (arn.includes(':loadbalancer/')) return 'load-balancer';
  return arn.includes(':targetgroup/') ? 'target-group' : 'listener';
}

function targetsOf(region: Region, group: TargetGroup, at: number): TargetView[] {
  const read = healthOf(region, group, at);
  return Array.from(group.targets.values()).flatMap((target) => {
    const health = read(target);
    if (health === undefined) return [];
    return [{ instanceId: target.instanceId, port: target.port, state: health.state, reason: health.reason }];
  });
}
