/**
 * Which placements of a region can be behind one balancer, and what becomes of the balancers that stand when the scope
 * changes: the new one first serves all that the old one served. Pure.
 */
import type { FabricView } from '../clouds/cloud.ts';
import { certificatesOf } from './fabric-wish.ts';

/** A placement of the region. */
export interface Sharer {
  readonly name: string;
  /** Its cloud member. */
  readonly spec: unknown;
  /** Id of the network that its machines are in. Absent: nobody knows now. */
  readonly network?: string;
}

/** Why each of those that cannot be behind one balancer with the first cannot, by name. */
export function keptApart(sharers: readonly Sharer[]): ReadonlyMap<string, string> {
  const [first] = sharers.filter(({ network }) => network !== undefined);
  return new Map(
    sharers.flatMap((sharer) => {
      const why = first === undefined || sharer === first ? undefined : differenceOf(first, sharer);
      return why === undefined ? [] : [[sharer.name, why] as const];
    }),
  );
}

function differenceOf(first: Sharer, { name, spec, network }: Sharer): string | undefined {
  const words = `placement ${name} cannot share a balancer with ${first.name}`;
  const way = 'name the same in both, or set balancer.scope to Placement';
  if (network !== undefined && network !== first.network)
    return `${words}: its network is ${network}, that of ${first.name} is ${first.network}; ${way}`;
  const certificates = certificatesOf(spec);
  for (const { port, certificateArn } of certificatesOf(first.spec)) {
    const own = certificates.find((one) => one.port === port)?.certificateArn;
    if (own !== undefined && own !== certificateArn)
      return `${words}: port ${port} has another certificate there; ${way}`;
  }
  return undefined;
}

/** Whether whoever of `machines` is served by the one balancer is served by the other that is to take its place. */
export function hasTakenOver(next: FabricView, before: FabricView, machines: readonly string[]): boolean {
  return (
    next.balancer?.active === true && machines.every((id) => !isServed(before, id) || isServed(next, id))
  );
}

function isServed({ members, pools }: FabricView, id: string): boolean {
  const member = members.get(id);
  return member?.health === 'healthy' && member.pools === pools;
}

export interface SharingFacts {
  /** Of the Network's balancer. Absent: it has none. */
  readonly scope: 'Placement' | 'Region' | undefined;
  /** An old balancer has to go before the new one can come. */
  readonly shareAddress: boolean;
  readonly shared: {
    /** There are nodes that it would serve, or were until just now. */
    readonly isDue: boolean;
    readonly stands: boolean;
  };
  readonly places: readonly {
    readonly name: string;
    /** As for the shared one, for a balancer of its own. */
    readonly isDue: boolean;
    /** A balancer of its own does. */
    readonly stands: boolean;
    /** It cannot be behind the shared one. */
    readonly isApart: boolean;
    /** How far the balancer that is wished is in serving what the other one serves. */
    readonly takeover: Takeover;
  }[];
}

/** `done`: so long ago that connections to the old one had the time to end. */
export type Takeover = 'under way' | 'serving' | 'done';

export interface PlaceCourse {
  /** Whether it has a balancer of its own; `until taken over`: one that is to go. */
  readonly own: Stay;
  /** Whether the shared balancer may reach its machines. */
  readonly isServed: boolean;
  /** Whose word on its machines counts, and whose address is told. */
  readonly front: 'own' | 'shared';
}

export type Stay = 'yes' | 'no' | 'until taken over';

export interface Course {
  readonly shared: Stay;
  readonly places: ReadonlyMap<string, PlaceCourse>;
}

export function courseOf(facts: SharingFacts): Course {
  const { scope, shared, places } = facts;
  const byName = (of: (place: SharingFacts['places'][number]) => PlaceCourse) =>
    new Map(places.map((place) => [place.name, of(place)]));
  if (scope === undefined)
    return { shared: 'no', places: byName(() => ({ own: 'no', isServed: false, front: 'own' })) };
  if (scope === 'Region') {
    return {
      shared: shared.isDue ? 'yes' : 'no',
      places: byName(({ stands, isApart, takeover }) => {
        const isOver = takeover === 'done' && !isApart;
        const own = stands && shared.isDue && !facts.shareAddress && !isOver;
        const isFront = own && (isApart || takeover === 'under way');
        return {
          own: own ? 'until taken over' : 'no',
          isServed: shared.isDue && !isApart,
          front: isFront ? 'own' : 'shared',
        };
      }),
    };
  }
  const isWaitedFor = ({ isDue, isApart, takeover }: SharingFacts['places'][number]) =>
    isDue && !isApart && takeover !== 'done';
  const stays = shared.stands && !facts.shareAddress && places.some(isWaitedFor);
  return {
    shared: stays ? 'until taken over' : 'no',
    places: byName(({ isDue, isApart, takeover }) => ({
      own: isDue ? 'yes' : 'no',
      isServed: stays && !isApart,
      front: stays && isDue && !isApart && takeover === 'under way' ? 'shared' : 'own',
    })),
  };
}
