import { listen } from '../http.ts';
import { createThrottle } from './buckets.ts';
import type { ApiName, Handlers } from './call.ts';
import type { Clock } from './clock.ts';
import { answerControl, controlPath } from './control.ts';
import { createDrift, type Drift } from './drift.ts';
import { instanceHandlers } from './ec2/instances.ts';
import { interfaceHandlers } from './ec2/interfaces.ts';
import { networkHandlers } from './ec2/network.ts';
import { offerHandlers } from './ec2/offers.ts';
import { securityGroupHandlers } from './ec2/security-groups.ts';
import { taggingHandlers } from './ec2/tagging.ts';
import { balancerHandlers } from './elb/balancers.ts';
import { listenerHandlers } from './elb/listeners.ts';
import { balancingTagHandlers } from './elb/tagging.ts';
import { targetGroupHandlers } from './elb/target-groups.ts';
import { targetHandlers } from './elb/targets.ts';
import { createFaults, type Fault, type FaultSpec } from './faults.ts';
import { type Counters, createJournal, type LogEntry } from './journal.ts';
import type { Settings } from './region.ts';
import { restore, type SavedRegion, save } from './saved.ts';
import { answerCall, type CallHook } from './server.ts';
import { ssmHandlers } from './ssm.ts';
import { historyMs } from './store.ts';
import { stsHandlers } from './sts.ts';
import { type OwnedResource, ownedIn, type RegionState, viewOf } from './views.ts';
import { createWorld } from './world.ts';

/** Every member is optional. Times in milliseconds. */
export interface AwsSandboxOptions {
  /** Default: any free one. */
  readonly port?: number;
  readonly accountId?: string;
  /** pending -> running; default 5 s. */
  readonly bootMs?: number;
  /** shutting-down -> terminated; default 5 s. */
  readonly shutdownMs?: number;
  /** initial -> healthy once a target runs behind an active balancer; default 5 s. */
  readonly healthMs?: number;
  /** provisioning -> active; default 3 s. */
  readonly balancerMs?: number;
  /** How long a deleted balancer's network interfaces hold its groups; default 0. */
  readonly interfaceLingerMs?: number;
  /** How long a terminated machine stays in lists; default an hour. */
  readonly terminatedVisibleMs?: number;
  /** How far describes lag behind; at most 15 minutes; default 0. */
  readonly readLagMs?: number;
  /** The limits AWS publishes, or none; default published. */
  readonly throttle?: 'published' | 'off';
  /** Whether regions start with a default VPC and a subnet in each zone; default yes. */
  readonly defaultVpc?: boolean;
  /** Accounts by access key id; absent: any key is good. */
  readonly credentials?: Readonly<Record<string, string>>;
  /** Certificate ARNs that listeners may name; others are not found. */
  readonly certificates?: readonly string[];
  /** Names of instance profiles; absent: any exists. */
  readonly instanceProfiles?: readonly string[];
  readonly clock?: Clock;
}

/** What can be changed while it runs. */
type LiveSettings = Pick<
  AwsSandboxOptions,
  | 'bootMs'
  | 'shutdownMs'
  | 'healthMs'
  | 'balancerMs'
  | 'interfaceLingerMs'
  | 'terminatedVisibleMs'
  | 'readLagMs'
  | 'throttle'
  | 'certificates'
  | 'instanceProfiles'
>;

export interface AwsSandbox {
  /** Set AWS_ENDPOINT_URL to this. */
  readonly url: string;
  stop(): Promise<void>;
  set(settings: LiveSettings): void;
  readonly counters: Counters;
  resetCounters(): void;
  /** The last 10,000 calls, oldest first. */
  readonly log: readonly LogEntry[];
  /** What is really there; of the sandbox's own account unless another is named. */
  state(region: string, account?: string): RegionState;
  /** All that a region of the sandbox's own account remembers; a JSON value. */
  save(region: string): SavedRegion;
  /** Makes a region that nobody used yet what it was when it was saved. */
  restore(region: string, saved: SavedRegion): void;
  /** Everything in any account and region that carries a tag key, except terminated machines. */
  ownedResources(tagKey: string): readonly OwnedResource[];
  readonly faults: FaultControls;
  readonly behindTheBack: Drift;
  readonly identities: {
    allowKey(accessKeyId: string, account: string): void;
    forbidKey(accessKeyId: string): void;
    /** A role that lets only this external id in; undefined: anyone. */
    trust(roleArn: string, externalId: string | undefined): void;
  };
}

interface FaultControls {
  add(spec: FaultSpec): Fault;
  remove(id: string): void;
  list(): readonly Fault[];
  /** Takes away all faults, capacity limits and hooks. */
  clear(): void;
  /** How many more machines of a type a zone can start; undefined: any number. */
  capacity(region: string, zone: string, instanceType: string, count: number | undefined): void;
  /** Runs when a call has come in, before anything happens; answers how to take it away. */
  beforeCall(hook: CallHook): () => void;
  /** Runs when a call was carried out, before the reply goes out. */
  afterCall(hook: CallHook): () => void;
}

/** Starts a simulated AWS on the loopback address: EC2, ELBv2, STS and SSM over their own wire protocols. */
export async function startAwsSandbox(options: AwsSandboxOptions = {}): Promise<AwsSandbox> {
  const clock = options.clock ?? { now: () => Date.now() };
  const settings = settingsOf(options);
  const live = { readLagMs: checkedLag(options.readLagMs ?? 0), throttle: options.throttle ?? 'published' };
  const accountId = options.accountId ?? '123456789012';
  const world = createWorld({ clock, settings, accountId, credentials: options.credentials });
  const journal = createJournal();
  const faults = createFaults();
  const throttle = createThrottle(clock);
  const before = new Set<CallHook>();
  const after = new Set<CallHook>();
  const stopping = new AbortController();
  const handlers: Readonly<Record<ApiName, Handlers>> = {
    ec2: {
      ...instanceHandlers(journal.launched),
      ...interfaceHandlers,
      ...networkHandlers,
      ...offerHandlers,
      ...securityGroupHandlers,
      ...taggingHandlers,
    },
    elasticloadbalancing: {
      ...balancerHandlers,
      ...listenerHandlers,
      ...targetGroupHandlers,
      ...targetHandlers,
      ...balancingTagHandlers,
    },
    sts: stsHandlers(world),
    ssm: ssmHandlers,
  };
  const stages = {
    clock,
    world,
    journal,
    faults,
    handlers,
    throttle: () => (live.throttle === 'off' ? undefined : throttle),
    readLagMs: () => live.readLagMs,
    before,
    after,
    stopping: stopping.signal,
  };
  const server = await listen(options.port ?? 0, (request, response) =>
    request.url?.startsWith(controlPath)
      ? answerControl(sandbox, request, response)
      : answerCall(stages, request, response),
  );

  const sandbox: AwsSandbox = {
    url: server.url,
    stop: async () => {
      stopping.abort();
      await server.stop();
    },
    set: ({ readLagMs = live.readLagMs, throttle: limits = live.throttle, ...others }) => {
      Object.assign(live, { readLagMs: checkedLag(readLagMs), throttle: limits });
      Object.assign(settings, others);
    },
    get counters() {
      return journal.counters();
    },
    resetCounters: journal.reset,
    log: journal.log,
    state: (region, account) => viewOf(world.region(region, account)),
    save: (region) => save(world.region(region)),
    restore: (region, saved) => restore(world.region(region), saved),
    ownedResources: (tagKey) => world.regions().flatMap((region) => ownedIn(region, tagKey)),
    faults: {
      add: faults.add,
      remove: faults.remove,
      list: faults.list,
      clear: () => {
        faults.clear();
        before.clear();
        after.clear();
        for (const region of world.regions()) region.capacity.clear();
      },
      capacity: (region, zone, instanceType, count) => {
        const { capacity } = world.region(region);
        if (count === undefined) capacity.delete(`${zone}/${instanceType}`);
        else capacity.set(`${zone}/${instanceType}`, count);
      },
      beforeCall: (hook) => hooked(before, hook),
      afterCall: (hook) => hooked(after, hook),
    },
    behindTheBack: createDrift((name) => world.region(name)),
    identities: world,
  };
  return sandbox;
}

function settingsOf(options: AwsSandboxOptions): Settings {
  return {
    bootMs: options.bootMs ?? 5000,
    shutdownMs: options.shutdownMs ?? 5000,
    healthMs: options.healthMs ?? 5000,
    balancerMs: options.balancerMs ?? 3000,
    interfaceLingerMs: options.interfaceLingerMs ?? 0,
    terminatedVisibleMs: options.terminatedVisibleMs ?? 3_600_000,
    certificates: options.certificates ?? [],
    instanceProfiles: options.instanceProfiles,
    defaultVpc: options.defaultVpc ?? true,
  };
}

function checkedLag(readLagMs: number): number {
  if (readLagMs > historyMs) throw new RangeError(`a read lag is at most ${historyMs} ms, not ${readLagMs}`);
  return readLagMs;
}

function hooked(hooks: Set<CallHook>, hook: CallHook): () => void {
  hooks.add(hook);
  return () => {
    hooks.delete(hook);
  };
}
