/** The placements of a Network as its gateway knows them. */
import type { NetworkSpec } from '../../api/network.ts';
import type { SeenPlace } from './gateway-pool.ts';
import { definitionOf } from './places.ts';
import { factsOf, type Site } from './site.ts';

/**
 * In the order of the spec; those on their way out get nothing new. Placements behind one balancer are one, under the name of
 * the first.
 */
export function gatewayPlacesOf(
  { placements }: Pick<NetworkSpec, 'placements'>,
  sites: readonly Site[],
): readonly SeenPlace[] {
  const wished = placements.flatMap(({ name }) => sites.find((site) => site.name === name) ?? []);
  const byBalancer = Map.groupBy(wished, (site) => balancerOf(site)?.id ?? site);
  return [...byBalancer.values()].flatMap((sharers) => {
    const all = sharers.map(seenPlaceOf);
    const [first] = all;
    if (first === undefined) return [];
    const sumOf = (count: 'desired' | 'ready') => all.reduce((sum, place) => sum + place[count], 0);
    const observed = all.some((place) => place.observed);
    return [{ ...first, desired: sumOf('desired'), ready: sumOf('ready'), observed }];
  });
}

const balancerOf = ({ aligned, lastView }: Site) => (aligned?.view ?? lastView())?.balancer;

function seenPlaceOf(site: Site): SeenPlace {
  const { name, place, desired, nodes, aligned } = site;
  const { cloud, credentialRef, spec } = place;
  const address = balancerOf(site)?.address;
  return {
    name,
    // Where a credential is an engine, its region has the same name as that of any other.
    region: [cloud, credentialRef.namespace, credentialRef.name, definitionOf(place).regionOf(spec)].join(
      '/',
    ),
    desired,
    ready: nodes.map(factsOf).filter(({ ready, leaving }) => ready && !leaving).length,
    observed: aligned !== undefined,
    ...(address === undefined ? {} : { address }),
  };
}
