import type { CallInfo } from './faults.ts';

export interface Counters {
  /** By `service:Action`, where the service is named as in IAM policies: `elasticloadbalancing:CreateListener`. */
  readonly calls: Readonly<Record<string, number>>;
  readonly total: number;
  readonly throttled: number;
  /** Calls of actions that this sandbox does not have. */
  readonly unimplemented: number;
  readonly instancesLaunched: number;
}

export interface LogEntry {
  /** Milliseconds since the epoch, when the call came in. */
  readonly at: number;
  readonly service: string;
  readonly action: string;
  readonly region: string;
  /** The parameters in short, without user data. */
  readonly params: string;
  /** `ok`, an error code, `lostReply` or `dropRequest`. */
  readonly outcome: string;
}

/** What happened: counters that can be set back, and the last calls. */
export interface Journal {
  counters(): Counters;
  reset(): void;
  readonly log: readonly LogEntry[];
  came(call: CallInfo): void;
  ended(call: CallInfo, at: number, outcome: string): void;
  throttled(): void;
  unimplemented(): void;
  launched(count: number): void;
}

const logLimit = 10_000;

export function createJournal(): Journal {
  const log: LogEntry[] = [];
  const calls = new Map<string, number>();
  const counts = { total: 0, throttled: 0, unimplemented: 0, instancesLaunched: 0 };
  return {
    log,
    counters: () => ({ calls: Object.fromEntries(calls), ...counts }),
    reset: () => {
      calls.clear();
      Object.assign(counts, { total: 0, throttled: 0, unimplemented: 0, instancesLaunched: 0 });
    },
    came: (call) => {
      const key = `${call.service}:${call.action}`;
      calls.set(key, (calls.get(key) ?? 0) + 1);
      counts.total += 1;
    },
    ended: (call, at, outcome) => {
      const { service, action, region } = call;
      log.push({ at, service, action, region, params: summary(call), outcome });
      if (log.length > logLimit) log.splice(0, log.length - logLimit);
    },
    throttled: () => {
      counts.throttled += 1;
    },
    unimplemented: () => {
      counts.unimplemented += 1;
    },
    launched: (count) => {
      counts.instancesLaunched += count;
    },
  };
}

const summaryLength = 300;

function summary(call: CallInfo): string {
  let text = '';
  for (const [name, value] of call.params.entries()) {
    if (name === 'Action' || name === 'Version' || name === 'UserData') continue;
    text += `${text === '' ? '' : ' '}${name}=${value}`;
    if (text.length > summaryLength) return `${text.slice(0, summaryLength)}...`;
  }
  return text;
}
