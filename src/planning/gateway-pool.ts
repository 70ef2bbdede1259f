/** Which placements a gateway passes on to, and how much each of them gets. Pure. */
import type { Gateway } from '../api/gateway.ts';

/** A placement as a gateway knows it. */
export interface GatewayPlace {
  readonly name: string;
  /** Cloud and region: `aws/us-east-1`. */
  readonly region: string;
  /** Nodes wished for. */
  readonly desired: number;
  /** Nodes that are Ready. */
  readonly ready: number;
  /** Address of its balancer. Absent: it has none. */
  readonly address?: string;
}

/** By name of the placement, in the order of the spec. */
export type Pool = ReadonlyMap<string, { readonly address: string; readonly weight: number }>;

/** Divisible by all numbers up to six, and by most that occur above. HAProxy's weights end at 256. */
const REGION_WEIGHT = 240;
const MAX_WEIGHT = 256;
/** As long as no placement gets so many times more or less than its share, the weights stay as they are. */
const TOLERANCE = 1.5;

/**
 * Placements with a balancer, and their weights. Every change rolls the gateway's Pods, so under `Weighted` those of `before`
 * stay as long as they do: Nodes come and go one at a time in every rollout. Under all others a region counts as one, and
 * its placements share what it gets.
 */
export function poolOf(
  algorithm: Gateway['algorithm'],
  places: readonly GatewayPlace[],
  before: Pool = new Map(),
): Pool {
  const present = places.flatMap(({ address, ...place }) =>
    address === undefined ? [] : [{ ...place, address }],
  );
  const weights = algorithm === 'Weighted' ? byNodes(present, before) : byRegion(present);
  return new Map(
    present.map(({ name, address }) => [name, { address, weight: weights.get(name) ?? 1 }] as const),
  );
}

type Weights = ReadonlyMap<string, number>;

function byRegion(places: readonly GatewayPlace[]): Weights {
  const inRegion = Map.groupBy(places, ({ region }) => region);
  const sizes = new Set(Array.from(inRegion.values(), ({ length }) => length));
  return new Map(
    places.map(({ name, region }) => [
      name,
      sizes.size === 1 ? 1 : Math.round(REGION_WEIGHT / (inRegion.get(region)?.length ?? 1)),
    ]),
  );
}

function byNodes(places: readonly GatewayPlace[], before: Pool): Weights {
  const kept = new Map(places.map(({ name }) => [name, before.get(name)?.weight ?? 0]));
  const isSamePool = before.size === places.length && ![...kept.values()].includes(0);
  return isSamePool && isFairEnough(places, kept) ? kept : fairWeights(places);
}

/** A placement without a Ready node is no reason: its balancer is unhealthy and gets nothing, whatever its weight. */
function isFairEnough(places: readonly GatewayPlace[], weights: Weights): boolean {
  const serving = places.filter(({ ready }) => ready > 0);
  const total = { ready: 0, weight: 0 };
  for (const { name, ready } of serving) {
    total.ready += ready;
    total.weight += weights.get(name) ?? 0;
  }
  return serving.every(({ name, ready }) => {
    const off = (weights.get(name) ?? 0) / total.weight / (ready / total.ready);
    return off < TOLERANCE && off > 1 / TOLERANCE;
  });
}

/** Where none is Ready yet, those wished for count: they are on their way. */
function fairWeights(places: readonly GatewayPlace[]): Weights {
  const counts = new Map(places.map(({ name, ready, desired }) => [name, ready > 0 ? ready : desired]));
  const scale = Math.min(1, MAX_WEIGHT / Math.max(1, ...counts.values()));
  return new Map(Array.from(counts, ([name, count]) => [name, Math.max(1, Math.round(count * scale))]));
}

/** Differs in weights alone, which can wait. */
export function isReweighted(before: Pool, after: Pool): boolean {
  return (
    before.size === after.size &&
    [...after].every(([name, { address }]) => before.get(name)?.address === address) &&
    [...after].some(([name, { weight }]) => before.get(name)?.weight !== weight)
  );
}
