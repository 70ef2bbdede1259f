/** What the resources of a scope are called. A name is a function of its owner, so that a lost reply cannot lead to a second resource. */
import { createHash } from 'node:crypto';
import type { Owner } from '../../cloud.ts';

/**
 * Balancers and target groups take 32 characters out of letters, digits and hyphens, unique in account and region.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
 */
const PATTERN = /^p-[0-9a-f]{30}$/;

export interface ScopeNames {
  readonly nodesGroup: string;
  readonly balancerGroup: string;
  readonly balancer: string;
  /** `parts`: all that cannot change on a target group, so that a change of them gets a new name beside the old. */
  pool(parts: readonly (string | number)[]): string;
}

export function namesOf(owner: Owner): ScopeNames {
  const name = (kind: string, parts: readonly (string | number)[] = []): string => {
    const hash = createHash('sha256').update(
      JSON.stringify([owner.cluster, scopeKey(owner), kind, ...parts]),
    );
    return `p-${hash.digest('hex').slice(0, 30)}`;
  };
  return {
    nodesGroup: name('nodes group'),
    balancerGroup: name('balancer group'),
    balancer: name('balancer'),
    pool: (parts) => name('pool', parts),
  };
}

/** Whether a resource could be ours or that of another Peerage; its tags decide. */
export const couldBeOurs = (name: string): boolean => PATTERN.test(name);

/** One text for each placement of a Network, each region that placements share, and each standalone Node of a cluster. */
export function scopeKey({ network = '', node = '', placement = '', region }: Owner): string {
  return JSON.stringify([network, node, placement, ...(region === undefined ? [] : [region])]);
}

/** For people: `chains/dev virginia`, `chains/dev aws/123456789012/us-east-1`. */
export function scopeName(owner: Owner): string {
  return [owner.network ?? owner.node, owner.placement ?? owner.region]
    .filter((part) => part !== undefined)
    .join(' ');
}
