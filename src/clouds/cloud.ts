/**
 * The contract between Peerage and a cloud. A folder beside this file fills it; nothing above `clouds/`
 * knows which one it talks to. All calls are idempotent and none of them waits for the cloud to finish:
 * they start something, and the next look finds it done.
 */
import type { z } from 'zod';

/** A value that survives `JSON.stringify` unchanged; what a cloud keeps in a launch record. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Who a resource belongs to; written as tags in the call that creates it. */
export interface Owner {
  /** Value of the tag `peerage-cluster`. */
  readonly cluster: string;
  /** `namespace/name` of the Network; absent for what belongs to a standalone Node. */
  readonly network?: string;
  /** `namespace/name` of a standalone Node; absent for what belongs to a Network. */
  readonly node?: string;
  /** Name of the placement; absent for a standalone Node, and where there is a region. */
  readonly placement?: string;
  /**
   * Cloud, account and region in one text, `aws/123456789012/us-east-1`: of the balancer that all placements of a Network
   * share there. Absent for what belongs to one placement.
   */
  readonly region?: string;
}

/** Tag keys that prove ownership. What lacks `cluster` is never changed or deleted. */
export const TAGS = {
  cluster: 'peerage-cluster',
  network: 'peerage-network',
  node: 'peerage-node',
  placement: 'peerage-placement',
  region: 'peerage-region',
  launch: 'peerage-launch',
} as const;

// ---------------------------------------------------------------------------------------------- errors

export const CLOUD_ERROR_CODES = [
  'notFound',
  'alreadyExists',
  'throttled',
  'outOfCapacity',
  'quota',
  'unauthorized',
  'invalid',
  'unavailable',
  'unsupported',
] as const;
export type CloudErrorCode = (typeof CLOUD_ERROR_CODES)[number];

export interface CloudErrorFacts {
  readonly code: CloudErrorCode;
  /** `none`: the call certainly changed nothing. `unknown`: it may have been carried out. */
  readonly outcome: 'none' | 'unknown';
  /** The API call that was refused, or answered, in the cloud's own words: `RunInstances`. */
  readonly api: string;
  /** The cloud's own error code: `InsufficientInstanceCapacity`. */
  readonly reason: string;
  readonly message: string;
  readonly cause?: unknown;
  /** The call was answered and nobody refused anything: this is what we make of the answer, such as an empty list. */
  readonly finding?: true;
}

/**
 * The only error a cloud throws. Its message reads `RunInstances refused: <reason>: <the cloud's words>`, and that of a
 * finding `<reason>: <our words>`.
 */
export class CloudError extends Error {
  readonly code: CloudErrorCode;
  readonly outcome: 'none' | 'unknown';
  readonly api: string;
  readonly reason: string;
  /** What the cloud said, without the call and the code that stand before it in the message. */
  readonly words: string;

  constructor(facts: CloudErrorFacts) {
    const { finding, api, reason, message, cause } = facts;
    super(`${finding ? '' : `${api} refused: `}${reason}: ${message}`, { cause });
    this.name = 'CloudError';
    this.code = facts.code;
    this.outcome = facts.outcome;
    this.api = facts.api;
    this.reason = facts.reason;
    this.words = facts.message;
  }
}

// -------------------------------------------------------------------------------------------- machines

/**
 * `failed`: it will not run again by itself and still takes up its place; it is removed before another follows.
 * `terminated`: nothing of it runs or is kept any more.
 */
export type MachineState =
  | 'pending'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'failed'
  | 'terminating'
  | 'terminated';

/** One machine as the cloud describes it. */
export interface Machine {
  readonly id: string;
  readonly owner: Owner;
  /** Token and position of the launch that made it; absent when the tag was taken off. */
  readonly launch?: { readonly token: string; readonly index: number };
  readonly state: MachineState;
  /**
   * Why it is in this state, in the cloud's own code: `Server.SpotInstanceTermination`. `means`: what that code would be
   * as the refusal of a launch, where the cloud's table knows it.
   */
  readonly stateReason?: { readonly code: string; readonly message: string; readonly means?: CloudErrorCode };
  /** RFC 3339. */
  readonly createdAt: string;
  readonly zone?: string;
  readonly type?: string;
  readonly privateAddress?: string;
  readonly publicAddress?: string;
  /** Ports of the client that can be reached at another address: those a container publishes on its host. */
  readonly published?: readonly {
    /** Where the client listens. */
    readonly port: number;
    readonly protocol: 'TCP' | 'UDP';
    /** Where it is reached instead. */
    readonly address: string;
    readonly hostPort: number;
  }[];
}

/** What a placement's machines attach to; comes from `fabric.observe` and is kept in a launch record. */
export interface Attachment {
  /** One entry for each zone machines may go to, in a stable order. `at` is cloud-specific (a subnet id). */
  readonly zones: readonly { readonly zone: string; readonly at: string }[];
  /** Ids of the firewalls every machine carries. */
  readonly firewalls: readonly string[];
}

/** How to see from the network that a client is well. */
export interface HealthCheck {
  readonly protocol: 'TCP' | 'HTTP';
  readonly port: number;
  readonly path?: string;
  readonly status?: number;
  /** A JSON-RPC call that tells more, for who can make one; the others check as above. */
  readonly call?: {
    readonly path: string;
    readonly method: string;
    readonly params?: Json;
    /** What the answer's `result` must be. Absent: any, as long as there is one. */
    readonly result?: Json;
  };
  readonly intervalSeconds: number;
}

/**
 * Stand in a workload's command, args, env and files for what differs between the machines of one launch. The cloud puts
 * the row's values in their place. Private-use characters, so that no text people write has them.
 */
export const ROW = { name: '\u{e000}name\u{e001}', index: '\u{e000}index\u{e001}' } as const;

/** What runs on a machine; the cloud renders it into whatever its machines boot from. */
export interface Workload {
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** Values are final; those that came out of a Secret stand in `secrets` and in no other place. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly name: string; readonly value: { reveal(): string } }[];
  /** Absolute paths inside the container; read-only to the client. Contents out of a Secret stand in `secretFiles` alone. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly secretFiles: readonly { readonly path: string; readonly content: { reveal(): string } }[];
  /** When the image is fetched. */
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Registry logins, the text of a `.dockerconfigjson`. */
  readonly registryLogins?: { reveal(): string };
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly protocol: 'TCP' | 'UDP';
  }[];
  readonly resources?: { readonly cpu?: string; readonly memory?: string };
  /** What `client.health` says, for a cloud that can show it beside a machine. Whether a Node is well the operator finds out. */
  readonly health?: HealthCheck;
  /** Own lines of shell, run once before the workload starts. */
  readonly init?: string;
}

export interface LaunchRequest {
  /** At most 64 ASCII characters. Calling again with the same one never makes a second set. */
  readonly token: string;
  readonly owner: Owner;
  /** UID of the owner's object; for marks that cannot be taken off again. Absent where it is not known. */
  readonly uid?: string;
  /** The placement's cloud member, as parsed by the cloud's `placement` schema and pinned. */
  readonly spec: unknown;
  /** What `resolve` answered; kept in the launch record, so that a repeated call is the same call. */
  readonly resolved: Json;
  /** One row for each machine, in order of the launch index. `index`: its ordinal in the placement, whatever its position. */
  readonly rows: readonly { readonly name: string; readonly index: number }[];
  readonly workload: Workload;
}

export interface LaunchAnswer {
  /** May be fewer than asked for; each carries its `launch`. */
  readonly machines: readonly Machine[];
  /** The token was spent earlier with other parameters, or its machines are gone: look them up by token. */
  readonly spent: boolean;
  /** Why fewer came than were asked for, when the cloud says so. */
  readonly shortage?: CloudError;
}

export interface Machines {
  /** How many machines one launch may ask for. 1: the machine's name is the token. */
  readonly batchLimit: number;
  /** Every machine with our cluster tag in any state, read to the last page. Throws rather than answer in part. */
  list(signal: AbortSignal): Promise<readonly Machine[]>;
  /** Checks single machines; ids the cloud does not know are absent from the answer. */
  read(ids: readonly string[], signal: AbortSignal): Promise<readonly Machine[]>;
  /** Fixes what may drift between two launches of one revision (the image a public parameter names). */
  pin(spec: unknown, signal: AbortSignal): Promise<Json>;
  /** Settles everything a launch in `zone` needs; the answer goes into the launch record. */
  resolve(spec: unknown, attachment: Attachment, zone: string, signal: AbortSignal): Promise<Json>;
  launch(request: LaunchRequest, signal: AbortSignal): Promise<LaunchAnswer>;
  /** Starts the end of all of them; ids already gone are no error. One refused id does not hold up the rest. */
  remove(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly refused: ReadonlyMap<string, CloudError> }>;
  /** Takes our cluster tag off, so that the machines live on as somebody else's. */
  release(ids: readonly string[], signal: AbortSignal): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- fabric

/**
 * Whose surroundings: one placement of a Network, one standalone Node, or the region that placements of a Network share. In
 * the scope of a region stands a balancer with all that is its own, and no machine: those are in the scopes of the placements.
 */
export interface Scope {
  readonly owner: Owner;
  /**
   * UID of the owner's object, which tells what is its own from what an earlier object of its name let go of. Absent where
   * there is no object, as in a sweep, and where there is no machine, as in a region.
   */
  readonly uid?: string;
  /** The cloud member of the placement or Node; of those that share a region the first, which decides where one must. */
  readonly spec: unknown;
  /** Those of the other placements that share the region: the balancer reaches them all. */
  readonly also?: readonly unknown[];
}

export interface BalancerPort {
  /** Where clients connect, 1-65535. */
  readonly port: number;
  /** Where the machines listen, 1-65535. */
  readonly targetPort: number;
  readonly protocol: 'TCP' | 'UDP' | 'TLS' | 'HTTP' | 'HTTPS';
  /** The cloud's id of a certificate; required by TLS and HTTPS. */
  readonly certificate?: string;
}

export interface FirewallRule {
  readonly protocol: 'TCP' | 'UDP' | 'ICMP' | 'All';
  /** Inclusive; absent for ICMP and All. */
  readonly ports?: { readonly from: number; readonly to: number };
  readonly cidrs: readonly string[];
}

/** What should stand around the machines of one scope. In that of a region the rules are empty: there are no machines. */
export interface FabricWish {
  readonly scope: Scope;
  /** A balancer in another scope that the machines here are behind, and what it has to reach. */
  readonly servedBy?: {
    readonly owner: Owner;
    readonly ports: readonly BalancerPort[];
    readonly health: { readonly port: number };
  };
  readonly balancer?: {
    readonly type: 'Network' | 'Application';
    readonly ports: readonly BalancerPort[];
    readonly internal: boolean;
    readonly crossZone: boolean;
    readonly sourceRanges: readonly string[];
    readonly health: HealthCheck;
    readonly drainSeconds: number;
    /** Ids of the machines that belong into every pool; whoever is in a pool and not here is deregistered. */
    readonly members: readonly string[];
  };
  readonly ingress: readonly FirewallRule[];
  /** Absent: everything may go out. */
  readonly egress?: readonly FirewallRule[];
}

/** `released`: our cluster tag is taken off everything and nothing is removed (`deletionPolicy: Orphan`). */
export type FabricGoal = FabricWish | { readonly scope: Scope; readonly goal: 'nothing' | 'released' };

export type MemberHealth = 'initial' | 'healthy' | 'unhealthy' | 'draining' | 'unused';

/** What a cloud found around one scope. A cloud extends it with what its own planner needs. */
export interface FabricView {
  /** Milliseconds since the oldest part of the snapshot behind it was read. */
  readonly ageMs: number;
  /** Present as soon as machines can be launched into it. */
  readonly attachment?: Attachment;
  /** What was found and how, for people: `default VPC vpc-1a2b3c of us-east-1`. */
  readonly network?: { readonly id: string; readonly found: string };
  /** Why nothing can be done before a person mends it: no default VPC, subnets of two VPCs. */
  readonly trouble?: CloudError;
  readonly balancer?: { readonly id: string; readonly address: string; readonly active: boolean };
  /** For each machine in any pool its worst health over the pools it is in, and how many of the pools list it. */
  readonly members: ReadonlyMap<
    string,
    { readonly health: MemberHealth; readonly reason?: string; readonly pools: number }
  >;
  readonly pools: number;
  /** Everything of ours in this scope, for status and for proving that nothing is left. */
  readonly resources: readonly { readonly kind: string; readonly name: string; readonly id: string }[];
}

export interface Step {
  readonly verb: 'create' | 'update' | 'replace' | 'delete' | 'register' | 'deregister' | 'release';
  /** The cloud's own noun: `security group`, `target group`, `listener`. */
  readonly kind: string;
  readonly name: string;
  readonly because: string;
  /** Why it cannot run yet: `balancer is provisioning`. Absent: it can run now. */
  readonly waits?: string;
}

export interface Fabric<View extends FabricView = FabricView, FabricStep extends Step = Step> {
  /** From a snapshot of the region at most `maxAgeMs` old. Own writes are always in it. */
  observe(scope: Scope, options: { readonly maxAgeMs: number; readonly signal: AbortSignal }): Promise<View>;
  /** Pure: same goal and view, same steps, in the order in which they must run. Empty: all is as wished. */
  plan(goal: FabricGoal, view: View): readonly FabricStep[];
  /**
   * Carries out one step and notes what it made, so that the next `observe` sees it without a call. `logins`: of registries,
   * the text of a `.dockerconfigjson`, for a step that has an image fetched; asked for by no other.
   */
  run(
    step: FabricStep,
    signal: AbortSignal,
    options?: { readonly logins?: (signal: AbortSignal) => Promise<{ reveal(): string }> },
  ): Promise<void>;
  /** Owners of everything that carries our cluster tag here; for the sweep. Throws rather than answer in part. */
  owners(signal: AbortSignal): Promise<readonly Owner[]>;
}

// --------------------------------------------------------------------------------------------- session

export interface Identity {
  /** Account or subscription id. */
  readonly account: string;
  /** The caller in the cloud's own notation: an ARN. */
  readonly principal: string;
}

/** Some of what a client wrote; a line may come in several. */
export interface LogPiece {
  readonly from: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

export interface LogOptions {
  /** Goes on with what is written from now on, until the machine ends. */
  readonly follow: boolean;
  /** Milliseconds since the epoch. Absent: from the beginning. */
  readonly since?: number;
  /** At most so many lines of both outputs together, the last ones. */
  readonly tail?: number;
}

/** A cloud opened with one credential for one region. */
export interface CloudSession {
  readonly region: string;
  /**
   * Calls `onChange` soon after any machine of ours changed, until the signal; absent where a cloud can only be asked.
   * A hint and no more: what is missed, the next list shows. Resolves when the signal is aborted, rejects when the stream
   * breaks.
   */
  readonly watch?: (onChange: () => void, signal: AbortSignal) => Promise<void>;
  readonly machines: Machines;
  readonly fabric: Fabric;
  /**
   * What the client on a machine wrote, in its order, until the end or the signal; absent where a cloud cannot tell. Throws
   * `notFound` for an id that the cloud does not know.
   */
  readonly logs?: (id: string, options: LogOptions, signal: AbortSignal) => AsyncIterable<LogPiece>;
  /** Asks the cloud who we are; throws `unauthorized` when it does not know us. */
  verify(signal: AbortSignal): Promise<Identity>;
  close(): void;
}

/** Keys of a Secret, hidden from every output. */
export type SecretData = ReadonlyMap<string, { reveal(): string }>;

/**
 * Every call to a cloud passes through this gate, which the operator provides: it holds the call until the
 * budget allows it, refuses a write when leadership is lost or the operator is paused, and counts it.
 */
export type CallGate = <Answer>(
  call: GatedCall,
  run: (signal: AbortSignal) => Promise<Answer>,
) => Promise<Answer>;

export interface GatedCall {
  /** `RunInstances` */
  readonly api: string;
  readonly write: boolean;
  /** Budgets of the cloud's `limits` that the call draws on, and how many units of each. */
  readonly budgets: readonly {
    readonly name: string;
    readonly units: number;
    readonly counts: 'calls' | 'machines';
  }[];
  /** Whose turn it takes when budgets are short: `namespace/name` of the Network. */
  readonly flow?: string;
  readonly signal: AbortSignal;
}

export interface OpenOptions {
  readonly region: string;
  /** The credential's cloud member, parsed by the cloud's `credential` schema. */
  readonly credential: unknown;
  /** Present when the credential refers to a Secret. */
  readonly secret?: SecretData;
  readonly cluster: string;
  readonly gate: CallGate;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** CEL, and what the API server says where it does not hold. */
export interface Rule {
  readonly rule: string;
  /** Of the field that is wrong, from `self`: `.docker.publish`. */
  readonly fieldPath: string;
  readonly message: string;
}

/** By what `self` is in them: a placement, the spec of a Network, the spec of a Node; of any cloud. */
export interface CloudRules {
  readonly placement: readonly Rule[];
  readonly network: readonly Rule[];
  readonly node: readonly Rule[];
}

/** One cloud, as listed in `clouds/index.ts`. */
export interface Cloud {
  /** Key of its member in `placements[]`, Node and CloudCredential: `aws`. */
  readonly name: string;
  /** Schema of the member in a placement and a Node. */
  readonly placement: z.ZodType;
  /** Schema of the member in a CloudCredential. */
  readonly credential: z.ZodType;
  /** What the cloud has no means for and that stands beside its member. Absent: nothing. */
  readonly rules?: CloudRules;
  /**
   * Whether a list may fail to show for a while what was just made. Where it never does, a machine that is not listed is
   * gone.
   */
  readonly readsLag: boolean;
  /**
   * Present where balancers of one account and region stand at one address, so that a port is one balancer's: the old one
   * has to go before another can take its place.
   */
  readonly balancersShareAddress?: true;
  /**
   * Whether its machines boot from data that everybody who may describe them can read. Then values of Secrets, and the logins
   * a machine fetches its image with, travel in it, and only with `secretDelivery: UserData`.
   */
  readonly hasUserData: boolean;
  /** Members of `placement` that need no new machine when they change. */
  readonly mutable: readonly string[];
  /** The provider's published limits, per account and region. */
  readonly limits: Readonly<Record<string, { readonly burst: number; readonly perSecond: number }>>;
  /** The region of a placement. */
  regionOf(spec: unknown): string;
  /** The region in which a credential that is not used yet is verified. */
  homeRegionOf(credential: unknown): string;
  /** Name of the Secret behind a credential; undefined for ambient identities. */
  secretOf(credential: unknown): string | undefined;
  open(options: OpenOptions): Promise<CloudSession>;
}
