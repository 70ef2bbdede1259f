/**
 * Every engine call in use, and what it draws on. An engine publishes no limits and throttles nobody: these keep one
 * operator from filling the engine's disks and processors faster than it can work.
 */
import type { Cloud, GatedCall } from '../cloud.ts';

/** `machines`: it draws on the budget of containers as well. */
interface Cost {
  readonly write: boolean;
  readonly machines?: true;
}

const read: Cost = { write: false };
const change: Cost = { write: true };

const CALLS = {
  SystemVersion: read,
  SystemInfo: read,
  SystemEvents: read,
  ContainerList: read,
  ContainerInspect: read,
  ContainerCreate: { write: true, machines: true },
  ContainerStart: change,
  ContainerKill: change,
  ContainerRename: change,
  ContainerDelete: change,
  ContainerArchive: read,
  ContainerArchiveInfo: read,
  ContainerLogs: read,
  PutContainerArchive: change,
  ContainerTop: read,
  /** What we run in a container of ours looks at something and changes nothing. */
  ContainerExec: read,
  ImageInspect: read,
  ImageCreate: change,
  NetworkList: read,
  NetworkInspect: read,
  NetworkCreate: change,
  NetworkDelete: change,
  VolumeList: read,
  VolumeInspect: read,
  VolumeDelete: change,
} as const satisfies Record<string, Cost>;

/** Names of the engine's own API: https://docs.docker.com/reference/api/engine/version/v1.41/ */
export type Api = keyof typeof CALLS;

/** Buckets per engine; `perSecond` is the refill. */
export const LIMITS: Cloud['limits'] = {
  reads: { burst: 400, perSecond: 200 },
  changes: { burst: 400, perSecond: 100 },
  containers: { burst: 200, perSecond: 20 },
};

/** What the gate has to know about a call. */
export function costOf(api: Api): Pick<GatedCall, 'write' | 'budgets'> & { readonly api: Api } {
  const { write, machines }: Cost = CALLS[api];
  const calls = { name: write ? 'changes' : 'reads', units: 1, counts: 'calls' as const };
  const containers = { name: 'containers', units: 1, counts: 'machines' as const };
  return { api, write, budgets: machines === undefined ? [calls] : [calls, containers] };
}
