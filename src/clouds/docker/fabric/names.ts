/** What the resources of a scope are called. A name is a function of its owner, so that a lost reply cannot lead to a second resource. */
import { createHash } from 'node:crypto';
import type { Owner } from '../../cloud.ts';

export interface ScopeNames {
  /** One for all placements that a Network has on the engine. */
  readonly network: string;
  readonly balancer: string;
}

export function namesOf(owner: Owner): ScopeNames {
  const name = (kind: string, scope: string): string => {
    const hash = createHash('sha256').update(JSON.stringify([owner.cluster, scope, kind]));
    return `p-${hash.digest('hex').slice(0, 30)}`;
  };
  return {
    network: name('network', scopeKey(networkOwner(owner))),
    balancer: name('balancer', scopeKey(owner)),
  };
}

/** Whose a network is: no single placement's. */
export function networkOwner({ cluster, network, node }: Owner): Owner {
  return {
    cluster,
    ...(network === undefined ? {} : { network }),
    ...(node === undefined ? {} : { node }),
  };
}

/** One text for each placement of a Network, each region that placements share, and each standalone Node of a cluster. */
export function scopeKey({ network = '', node = '', placement = '', region }: Owner): string {
  return JSON.stringify([network, node, placement, ...(region === undefined ? [] : [region])]);
}

/** For people: `chains/dev`. */
export function objectOf(owner: Owner): string {
  return owner.network ?? owner.node ?? '';
}
