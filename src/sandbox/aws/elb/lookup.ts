import { invalid, refuse } from '../errors.ts';
import type { Params } from '../query.ts';
import type { Balancer, Listener, TargetGroup } from '../records.ts';
import type { Region } from '../region.ts';

export function findBalancer(region: Region, params: Params): Balancer {
  const arn = required(params, 'LoadBalancerArn');
  const balancer = region.balancers.get(arn);
  if (balancer === undefined) throw balancerNotFound(arn);
  return balancer;
}

export function findTargetGroup(region: Region, params: Params): TargetGroup {
  const group = region.targetGroups.get(required(params, 'TargetGroupArn'));
  if (group === undefined) throw targetGroupNotFound();
  return group;
}

export function findListener(region: Region, params: Params): Listener {
  const listener = region.listeners.get(required(params, 'ListenerArn'));
  if (listener === undefined) throw listenerNotFound();
  return listener;
}

export function required(params: Params, name: string): string {
  const value = params.text(name);
  if (value === undefined)
    throw invalid(
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
}

export function balancerNotFound(name: string): Error {
  return refuse('LoadBalancerNotFound', `Load balancer '${name}' not found`);
}

export function targetGroupNotFound(): Error {
  return refuse('TargetGroupNotFound', 'One or more target groups not found');
}

export function listenerNotFound(): Error {
  return refuse('ListenerNotFound', 'One or more listeners not found');
}

/** The target groups that a listener sends to. */
export function groupsOf(listener: Listener): string[] {
  return listener.actions.flatMap((action) => action.targetGroups.map((group) => group.arn));
}

/** The listeners that send to a target group, as seen at a moment. */
export function listenersOf(region: Region, groupArn: string, at: number): Listener[] {
  return region.listeners.seen(at).filter((listener) => groupsOf(listener).includes(groupArn));
}

/** Names of balancers and target groups: at most 32 letters, digits and inner hyphens. */
export function checkName(name: string, what: string): void {
  if (name.length > 32) throw invalid(`${what} name '${name}' cannot be longer than '32' characters`);
  if (!/^[a-zA-Z0-9-]+$/.test(name)) {
    throw invalid(
      `${what} name '${name}' can only contain characters that are alphanumeric characters and hyphens(-)`,
    );
  }
  if (name.startsWith('-') || name.endsWith('-'))
    throw invalid(`${what} name '${name}' cannot begin or end with a hyphen`);
}

/** Paging of ELBv2: `PageSize` 1 to 400, `Marker`. Without a size a page holds 400. */
export function readPaging(params: Params) {
  const size = params.text('PageSize');
  if (size !== undefined && !(Number(size) >= 1 && Number(size) <= 400)) {
    throw invalid(`1 validation error detected: Value '${size}' at 'pageSize' failed to satisfy constraint`);
  }
  return { token: params.text('Marker'), size: Number(size ?? '400'), badToken: 'ValidationError' };
}
