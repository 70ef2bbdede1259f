import type { ApiName } from './call.ts';
import type { Params } from './query.ts';

/** A call as hooks and faults see it. `params` summarises; it never holds user data. */
export interface CallInfo {
  readonly service: ApiName;
  readonly action: string;
  readonly region: string;
  readonly account: string;
  readonly params: Params;
}

/**
 * What goes wrong. Of everything that matches a call, each fault has its effect; the first error wins.
 */
export interface FaultSpec {
  /** `RunInstances`, `ec2:RunInstances`, `ec2:*` or `*`. */
  readonly action: string;
  readonly region?: string;
  /** Only calls whose parameters have these values, by their wire names: `{'Placement.AvailabilityZone': 'us-east-1a'}`. */
  readonly where?: Readonly<Record<string, string>>;
  /** Refuse, without doing anything. */
  readonly error?: { readonly code: string; readonly status?: number; readonly message?: string };
  /** Do it, then drop the connection without an answer. */
  readonly lostReply?: boolean;
  /** Drop the connection without doing anything. */
  readonly dropRequest?: boolean;
  /** Wait before doing anything; real time. */
  readonly delayMs?: number;
  /** How many calls it hits; absent: until removed. */
  readonly times?: number;
  /** How many matching calls pass before the first that it hits. */
  readonly skip?: number;
  /** Runs before the call is carried out, and may take its time. */
  readonly onCall?: (call: CallInfo) => void | Promise<void>;
}

export interface Fault {
  readonly id: string;
  readonly spec: FaultSpec;
  /** How many calls it has hit. */
  readonly hits: number;
  remove(): void;
}

export interface Faults {
  add(spec: FaultSpec): Fault;
  remove(id: string): void;
  clear(): void;
  list(): readonly Fault[];
  /** The faults that hit this call; each counts it. */
  hit(call: CallInfo): readonly FaultSpec[];
}

export function createFaults(): Faults {
  const faults = new Map<string, { readonly fault: Fault; seen: number; hits: number }>();
  let made = 0;
  return {
    add: (spec) => {
      made += 1;
      const id = `fault-${made}`;
      const fault: Fault = {
        id,
        spec,
        get hits() {
          return state.hits;
        },
        remove: () => {
          faults.delete(id);
        },
      };
      const state = { fault, seen: 0, hits: 0 };
      faults.set(id, state);
      return fault;
    },
    remove: (id) => {
      faults.delete(id);
    },
    clear: () => faults.clear(),
    list: () => Array.from(faults.values(), (state) => state.fault),
    hit: (call) => {
      const hits: FaultSpec[] = [];
      for (const state of faults.values()) {
        const { spec } = state.fault;
        if (!matches(spec, call)) continue;
        state.seen += 1;
        if (state.seen <= (spec.skip ?? 0)) continue;
        if (state.hits >= (spec.times ?? Number.POSITIVE_INFINITY)) continue;
        state.hits += 1;
        hits.push(spec);
      }
      return hits;
    },
  };
}

function matches(spec: FaultSpec, call: CallInfo): boolean {
  const names = [call.action, `${call.service}:${call.action}`, `${call.service}:*`, '*'];
  if (!names.includes(spec.action)) return false;
  if (spec.region !== undefined && spec.region !== call.region) return false;
  return Object.entries(spec.where ?? {}).every(([name, value]) => call.params.text(name) === value);
}
