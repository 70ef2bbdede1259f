import { z } from 'zod';
import { CLOUD_NAMES, cloudOf } from '../../api/cloud-member.ts';
import type { CredentialRef } from '../../api/common.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { Cloud } from '../../clouds/cloud.ts';
import { CLOUDS, type CloudName } from '../../clouds/index.ts';
import type { Resource } from '../../kube/resource.ts';
import type { Seen } from '../kinds.ts';

/** Where a placement is, as far as it takes to find and remove everything made for it. */
export interface Place {
  readonly credentialRef: CredentialRef;
  readonly cloud: CloudName;
  /** The cloud member. */
  readonly spec: unknown;
  /** What its Nodes are made of in this revision, with everything fixed that may drift. */
  readonly pinned?: { readonly revision: string; readonly spec: unknown };
  /** Whose account it is made in, and as which cluster's; absent where an earlier version noted it. */
  readonly account?: string;
  readonly cluster?: string;
}

const places = z.record(
  z.string(),
  z.object({
    credentialRef: z.object({ name: z.string(), namespace: z.string().exactOptional() }),
    cloud: z.string().transform((name, context): CloudName => {
      const known = CLOUD_NAMES.find((candidate) => candidate === name);
      if (known !== undefined) return known;
      context.addIssue(`no cloud ${name}`);
      return z.NEVER;
    }),
    spec: z.unknown(),
    pinned: z.object({ revision: z.string(), spec: z.unknown() }).exactOptional(),
    account: z.string().exactOptional(),
    cluster: z.string().exactOptional(),
  }),
);

/** The annotation that outlives a placement's place in the spec. */
export function notedPlaces({ metadata }: Seen<Network>): ReadonlyMap<string, Place> {
  const annotation = metadata.annotations?.[ANNOTATIONS.placements];
  return new Map(annotation === undefined ? [] : Object.entries(places.parse(JSON.parse(annotation))));
}

/** The same places are the same text: members come in one order. */
export function formatPlaces(noted: ReadonlyMap<string, Place>): string {
  const inOrder = ({ credentialRef, cloud, spec, pinned, account, cluster }: Place) => ({
    ...{ credentialRef, cloud, spec, pinned, account, cluster },
  });
  return JSON.stringify(Object.fromEntries([...noted].map(([name, place]) => [name, inOrder(place)])));
}

/** The place with the account it is made in. What an earlier version noted is left as it is until something in it changes. */
export function madeIn(
  place: Place,
  noted: Place | undefined,
  { account, cluster }: { readonly account: string; readonly cluster: string },
): Place {
  const textOf = (one: Place) => formatPlaces(new Map([['', one]]));
  return noted !== undefined && textOf(noted) === textOf(place) ? noted : { ...place, account, cluster };
}

/** The places of the spec, with what was pinned for them, and those that are on their way out. */
export function currentPlaces(
  network: Network,
  noted: ReadonlyMap<string, Place>,
): ReadonlyMap<string, Place> {
  const current = new Map(noted);
  for (const placement of network.spec.placements) {
    const { name: cloud, spec } = cloudOf(placement);
    const { credentialRef } = placement;
    current.set(placement.name, { ...noted.get(placement.name), credentialRef, cloud, spec });
  }
  return current;
}

/** What a new Node is made of: as pinned for its revision, but for the members of which a revision knows nothing. */
export function memberFor(place: Place, noted: Place | undefined): unknown {
  const pinned = members.safeParse(noted?.pinned?.spec);
  const now = members.safeParse(place.spec);
  if (!pinned.success || !now.success) return place.spec;
  const { mutable } = definitionOf(place);
  const fixed = Object.entries(pinned.data).filter(([name]) => !mutable.includes(name));
  const free = Object.entries(now.data).filter(([name]) => mutable.includes(name));
  return Object.fromEntries([...fixed, ...free]);
}

const members = z.record(z.string(), z.unknown());

export function definitionOf(place: Pick<Place, 'cloud'>): Cloud {
  return CLOUDS[place.cloud];
}

/** Writes down where something is about to be made, or is gone from. */
export async function annotatePlaces(
  networkResource: Resource<Seen<Network>>,
  seen: Seen<Network>,
  places: ReadonlyMap<string, Place>,
  signal: AbortSignal,
): Promise<Seen<Network>> {
  const text = formatPlaces(places);
  if (seen.metadata.annotations?.[ANNOTATIONS.placements] === text) return seen;
  const { resourceVersion } = seen.metadata;
  const annotations = { [ANNOTATIONS.placements]: text };
  return await networkResource.patch(
    seen.metadata,
    { metadata: { resourceVersion, annotations } },
    { type: 'merge', signal },
  );
}
