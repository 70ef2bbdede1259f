/** What stands around a scope on AWS, in the form the planner compares. */
import type { FabricView, MemberHealth, Owner } from '../../cloud.ts';
import type { Rule } from './rules.ts';

export type Attributes = ReadonlyMap<string, string>;
/** By key. */
export type Tags = ReadonlyMap<string, string>;

export interface Subnet {
  readonly id: string;
  readonly zone: string;
}

export interface Network {
  readonly vpcId: string;
  /** Whether AWS gives a new security group here a rule for IPv6 as well. */
  readonly ipv6: boolean;
  /** One for each zone in use, by zone. */
  readonly subnets: readonly Subnet[];
}

export interface Group {
  readonly id: string;
  readonly name: string;
  readonly vpcId: string;
  readonly owner: Owner | undefined;
  readonly tags: Tags;
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

export type BalancerType = 'network' | 'application';
export type Scheme = 'internal' | 'internet-facing';

export interface Balancer {
  readonly arn: string;
  readonly name: string;
  readonly dnsName: string;
  /** `network`, `application` or, not ours, `gateway`. */
  readonly type: string;
  readonly scheme: string;
  readonly vpcId: string;
  /** `provisioning`, `active`, `active_impaired` or `failed`. */
  readonly state: string;
  readonly stateReason?: string;
  /** One for each zone. */
  readonly subnets: readonly Subnet[];
  readonly groupIds: readonly string[];
}

export interface HealthCheck {
  readonly protocol: string;
  readonly port: string;
  /** Absent for TCP. */
  readonly path?: string;
  /** HTTP codes that count as healthy: `200` or `200-399`. Absent for TCP. */
  readonly matcher?: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** A target group. */
export interface Pool {
  readonly arn: string;
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly vpcId: string;
  readonly health: HealthCheck;
}

export interface Listener {
  readonly arn: string;
  readonly port: number;
  readonly protocol: string;
  readonly certificates: readonly string[];
  /** Target groups that its default action forwards to. */
  readonly poolArns: readonly string[];
}

/** What the tags of a balancer, listener or target group say. */
export interface Tagged {
  /** `other` when not of this cluster. */
  readonly owner: Owner | 'other';
  readonly tags: Tags;
}

export interface Target {
  /** Id of the instance. */
  readonly id: string;
  readonly port: number;
  readonly health: MemberHealth;
  /** AWS's code: `Elb.InitialHealthChecking`. */
  readonly reason?: string;
}

export interface FoundListener extends Listener {
  /** Absent: AWS has not told them yet. */
  readonly tags?: Tags;
}

export interface FoundBalancer extends Balancer {
  readonly attributes: Attributes;
  readonly tags: Tags;
  readonly listeners: readonly FoundListener[];
}

export interface FoundPool extends Pool {
  readonly attributes: Attributes;
  readonly tags: Tags;
  readonly targets: readonly Target[];
  /** Those that AWS would not take the last time, by `instance:port`. */
  readonly refused: ReadonlySet<string>;
}

export interface AwsFabricView extends FabricView {
  readonly around: {
    /** Absent while there is trouble with it. */
    readonly network?: Network;
    readonly groups: readonly Group[];
    /** Those of the same Network in other scopes: a rule here may refer to one of them, and one of theirs to a group here. */
    readonly neighbours: readonly Group[];
    readonly balancers: readonly FoundBalancer[];
    readonly pools: readonly FoundPool[];
    /** Names like ours on load balancers and target groups that are not this scope's. */
    readonly taken: { readonly balancers: ReadonlySet<string>; readonly pools: ReadonlySet<string> };
  };
}

/** Attribute names of ELBv2 that are in use. */
export const CROSS_ZONE = 'load_balancing.cross_zone.enabled';
export const DELETION_PROTECTION = 'deletion_protection.enabled';
export const DRAIN_SECONDS = 'deregistration_delay.timeout_seconds';

/** What AWS sets on something new. */
export const NEW_BALANCER: Readonly<Record<BalancerType, Attributes>> = {
  network: new Map([
    [CROSS_ZONE, 'false'],
    [DELETION_PROTECTION, 'false'],
  ]),
  application: new Map([
    [CROSS_ZONE, 'true'],
    [DELETION_PROTECTION, 'false'],
  ]),
};
export const NEW_POOL: Attributes = new Map([[DRAIN_SECONDS, '300']]);
