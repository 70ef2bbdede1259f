/** The placements of a Network as its gateway knows them. */
import type { NetworkSpec } from '../../api/network.ts';
import type { SeenPlace } from './gateway.ts';
import { definitionOf } from './places.ts';
import { factsOf, type Site } from './site.ts';

/** In the order of the spec; those on their way out get nothing new. */
export function gatewayPlacesOf(
  { placements }: Pick<NetworkSpec, 'placements'>,
  sites: readonly Site[],
): readonly SeenPlace[] {
  return placements.flatMap(({ name: wished }) => {
    const site = sites.find(({ name }) => name === wished);
    return site === undefined ? [] : [seenPlaceOf(site)];
  });
}

function seenPlaceOf({ name, place, desired, nodes, aligned, lastView }: Site): SeenPlace {
  const { cloud, credentialRef, spec } = place;
  const address = (aligned?.view ?? lastView())?.balancer?.address;
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
