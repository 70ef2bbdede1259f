/** The placements of a Network that are in one region of one account, and so can share a balancer. */
import type { Owner } from '../../clouds/cloud.ts';
import { scopeKeyOf } from '../belonging.ts';
import { definitionOf } from './places.ts';
import type { Site } from './site.ts';

export interface Region {
  /** Whose the balancer is that they share. */
  readonly owner: Owner;
  /** Of its scope. */
  readonly key: string;
  /** Those in the spec come first, in its order. */
  readonly sites: readonly Site[];
  /** An old balancer has to go before a new one can come. */
  readonly shareAddress: boolean;
}

/** A placement whose account nobody knows is in none: its cloud was never opened, so that nothing was made for it. */
export function regionsOf(sites: readonly Site[], order: readonly string[] = []): readonly Region[] {
  const rankOf = ({ name }: Site) => (order.includes(name) ? order.indexOf(name) : order.length);
  const ranked = sites.toSorted((a, b) => rankOf(a) - rankOf(b));
  const byRegion = Map.groupBy(ranked, regionOf);
  return [...byRegion].flatMap(([region, here]) => {
    const [first] = here;
    if (region === undefined || first === undefined) return [];
    const { cluster, network } = first.owner;
    const owner: Owner = { cluster, ...(network !== undefined && { network }), region };
    const shareAddress = definitionOf(first.place).balancersShareAddress === true;
    return [{ owner, key: scopeKeyOf(owner), sites: here, shareAddress }];
  });
}

function regionOf({ place, open }: Site): string | undefined {
  const account = place.account ?? open?.account;
  return account === undefined
    ? undefined
    : [place.cloud, account, definitionOf(place).regionOf(place.spec)].join('/');
}
