import { z } from 'zod';
import {
  controlPath,
  type RemoteCapacity,
  type RemoteDrift,
  type RemoteFault,
  type RemoteIdentity,
  type RemoteSettings,
} from './control.ts';
import type { Counters, LogEntry } from './journal.ts';
import type { OwnedResource, RegionState } from './views.ts';

/** Drives a sandbox that runs in another process. Every call rejects with the sandbox's own message when it is refused. */
export interface SandboxControl {
  counters(): Promise<Counters>;
  resetCounters(): Promise<void>;
  log(): Promise<readonly LogEntry[]>;
  /** Without user data. */
  state(region: string, account?: string): Promise<RegionState>;
  ownedResources(tagKey: string): Promise<readonly OwnedResource[]>;
  set(settings: RemoteSettings): Promise<void>;
  /** Answers its id. */
  addFault(fault: RemoteFault): Promise<string>;
  faults(): Promise<readonly { readonly id: string; readonly spec: RemoteFault; readonly hits: number }[]>;
  removeFault(id: string): Promise<void>;
  /** Takes away all faults, capacity limits and hooks. */
  clearFaults(): Promise<void>;
  capacity(limit: RemoteCapacity): Promise<void>;
  /** Changes what is there as if by another hand. */
  drift(change: RemoteDrift): Promise<void>;
  identity(change: RemoteIdentity): Promise<void>;
}

/** `url` is that of the sandbox, the same that AWS_ENDPOINT_URL has. */
export function controlSandbox(url: string): SandboxControl {
  const call = async <T>(
    shape: z.ZodType<T>,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<T> => {
    const response = await fetch(new URL(controlPath + path, url), {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`sandbox refused ${path}: ${JSON.stringify(answer)}`);
    return shape.parse(answer);
  };
  const get = <T>(path: string): Promise<T> => call(trusted<T>(), 'GET', path);
  const post = async (path: string, body: unknown = {}): Promise<void> => {
    await call(trusted<object>(), 'POST', path, body);
  };
  return {
    counters: () => get('counters'),
    resetCounters: () => post('counters/reset'),
    log: () => get('log'),
    state: (region, account) =>
      get(`state?${new URLSearchParams({ region, ...(account === undefined ? {} : { account }) })}`),
    ownedResources: (tagKey) => get(`owned?${new URLSearchParams({ tagKey })}`),
    set: (settings) => post('settings', settings),
    addFault: async (fault) => (await call(z.object({ id: z.string() }), 'POST', 'faults', fault)).id,
    faults: () => get('faults'),
    removeFault: (id) => post('faults/remove', { id }),
    clearFaults: () => post('faults/clear'),
    capacity: (limit) => post('capacity', limit),
    drift: (change) => post('drift', change),
    identity: (change) => post('identities', change),
  };
}

/** Both ends are the same program, so the shape is taken on trust. */
function trusted<T>(): z.ZodType<T> {
  return z.custom<T>();
}
