/** What a region remembers. Records are values: a change puts a new one into its store. Times are milliseconds since the epoch. */

export type Tags = Readonly<Record<string, string>>;

export interface Zone {
  readonly name: string;
  readonly id: string;
}

export interface Vpc {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
  readonly tags: Tags;
}

export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly isDefault: boolean;
  readonly publicIps: boolean;
  readonly tags: Tags;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly rules: readonly Rule[];
  readonly tags: Tags;
}

/** One source or target of one port range: what AWS calls a security group rule. */
export interface Rule {
  readonly id: string;
  readonly egress: boolean;
  /** `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all. */
  readonly protocol: string;
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly peer: Peer;
  readonly description: string | undefined;
  readonly tags: Tags;
}

export type Peer =
  | { readonly kind: 'ipv4' | 'ipv6'; readonly cidr: string }
  | { readonly kind: 'prefixList'; readonly id: string }
  | { readonly kind: 'group'; readonly id: string };

export interface KeyPair {
  /** The name: it is unique, and calls refer to a pair by it. */
  readonly id: string;
  readonly keyPairId: string;
  readonly fingerprint: string;
  readonly tags: Tags;
}

export interface StateReason {
  readonly code: string;
  readonly message: string;
}

export interface Volume {
  readonly id: string;
  readonly device: string;
  readonly sizeGib: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly deleteOnTermination: boolean;
  readonly tags: Tags;
}

export interface Instance {
  readonly id: string;
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly clientToken: string | undefined;
  readonly imageId: string;
  readonly instanceType: string;
  readonly architecture: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly zone: string;
  readonly privateIp: string;
  readonly publicIp: string | undefined;
  readonly groupIds: readonly string[];
  readonly keyName: string | undefined;
  /** The ARN. */
  readonly profile: string | undefined;
  readonly spotRequestId: string | undefined;
  readonly protected: boolean;
  readonly userData: string | undefined;
  readonly metadata: {
    readonly tokens: string;
    readonly endpoint: string;
    readonly hopLimit: number;
    readonly tags: string;
  };
  readonly monitoring: boolean;
  readonly ebsOptimized: boolean;
  readonly tenancy: string;
  readonly placementGroup: string | undefined;
  readonly cpuCredits: string | undefined;
  readonly sourceDestCheck: boolean;
  readonly interfaceId: string;
  readonly interfaceTags: Tags;
  readonly volumes: readonly Volume[];
  readonly tags: Tags;
  readonly launchedAt: number;
  /** How long it stays pending. Kept here so that a later change of the setting moves no machine backwards. */
  readonly bootMs: number;
  /** When shutting down began. */
  readonly endedAt: number | undefined;
  readonly endReason: StateReason | undefined;
  readonly stoppedAt: number | undefined;
}

interface BalancerZone {
  readonly zone: string;
  readonly subnetId: string;
}

export interface Balancer {
  /** The ARN. */
  readonly id: string;
  readonly name: string;
  readonly type: 'network' | 'application';
  readonly scheme: 'internet-facing' | 'internal';
  readonly ipAddressType: string;
  readonly vpcId: string;
  readonly zones: readonly BalancerZone[];
  /** Absent on a network balancer that was made without groups; it can then never have any. */
  readonly groupIds: readonly string[] | undefined;
  readonly dnsName: string;
  readonly createdAt: number;
  readonly activeAt: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly interfaces: readonly {
    readonly id: string;
    readonly subnetId: string;
    readonly privateIp: string;
  }[];
  readonly tags: Tags;
}

export interface HealthCheck {
  readonly enabled: boolean;
  readonly protocol: string;
  readonly port: string;
  readonly path: string | undefined;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly httpCodes: string | undefined;
}

export interface Target {
  readonly instanceId: string;
  readonly port: number;
  readonly registeredAt: number;
  readonly deregisteredAt: number | undefined;
  /** Set from outside to stand in for a real health check. */
  readonly forced: { readonly state: TargetState; readonly reason: string | undefined } | undefined;
}

export type TargetState = 'initial' | 'healthy' | 'unhealthy' | 'unused' | 'draining' | 'unavailable';

export interface TargetGroup {
  /** The ARN. */
  readonly id: string;
  readonly name: string;
  readonly protocol: string;
  readonly protocolVersion: string | undefined;
  readonly port: number;
  readonly vpcId: string;
  readonly targetType: string;
  readonly ipAddressType: string;
  readonly healthCheck: HealthCheck;
  readonly attributes: Readonly<Record<string, string>>;
  /** By `instance:port`. */
  readonly targets: ReadonlyMap<string, Target>;
  readonly tags: Tags;
}

export interface ListenerAction {
  readonly type: string;
  readonly order: number | undefined;
  readonly targetGroups: readonly { readonly arn: string; readonly weight: number | undefined }[];
  /** Members of redirects and fixed responses, by dotted name. */
  readonly config: Readonly<Record<string, string>>;
}

export interface Listener {
  /** The ARN. */
  readonly id: string;
  readonly balancerArn: string;
  readonly protocol: string;
  readonly port: number;
  readonly certificates: readonly string[];
  readonly sslPolicy: string | undefined;
  readonly alpnPolicy: readonly string[];
  readonly actions: readonly ListenerAction[];
  readonly attachedAt: number;
  readonly tags: Tags;
}

/** A network interface of a balancer that is gone: AWS takes a while to remove it, and it holds groups and subnets. */
export interface LingeringInterface {
  readonly id: string;
  readonly balancerArn: string;
  readonly groupIds: readonly string[];
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly privateIp: string;
  readonly until: number;
}

/** What a client token stands for. */
export interface Launch {
  readonly fingerprint: string;
  readonly reservationId: string;
  readonly instanceIds: readonly string[];
}
