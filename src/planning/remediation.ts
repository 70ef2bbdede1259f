/** Which unhealthy Nodes of a Network are replaced now. Pure. */
import type { Remediation } from '../api/remediation.ts';

/** One Node as far as its replacement cares. */
export interface HealthFacts {
  readonly name: string;
  /** Milliseconds since the epoch; since when it is unhealthy without a break. Absent: it is not. */
  readonly unhealthySince?: number;
  readonly ready: boolean;
  /** Has a deletionTimestamp. */
  readonly leaving: boolean;
  /** No other could take its place now. It is not replaced, and stands in nobody's way. */
  readonly blocked: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface RemediationPlan {
  /** Names of the Nodes to delete now; others take their places. Those that are unhealthy the longest come first. */
  readonly replace: readonly string[];
  /** Why nothing is replaced though it is time, for people; only a change of health or a person mends it. */
  readonly held?: string;
  /** When to plan again though nothing changes. */
  readonly againInMs?: number;
}

/** A new Node that is not Ready after this long has a trouble of its own, and holds up no replacement. */
const startingMs = 600_000;

/**
 * Where most are unhealthy at once, it is seldom the machines: a bad release, a network that is cut, a check that is wrong.
 * Replacing them all would make it worse, so nothing is replaced then, but for a Network where one Node is most of it.
 */
export function planRemediation(
  nodes: readonly HealthFacts[],
  { afterSeconds, maxUnhealthy }: Remediation,
  now: number,
): RemediationPlan {
  const staying = nodes.filter(({ leaving }) => !leaving);
  const unhealthy = staying
    .flatMap(({ name, blocked, unhealthySince: since }) =>
      since === undefined ? [] : [{ name, blocked, since }],
    )
    .sort((a, b) => a.since - b.since || (a.name < b.name ? -1 : 1));
  const isDue = ({ since }: { readonly since: number }) => now - since >= afterSeconds * 1000;
  const replaceable = unhealthy.filter(({ blocked }) => !blocked);
  const due = replaceable.filter(isDue);
  const waits = replaceable
    .filter((node) => !isDue(node))
    .map(({ since }) => since + afterSeconds * 1000 - now);
  const next = waits.length > 0 && { againInMs: Math.min(...waits) };
  if (due.length === 0) return { replace: [], ...next };

  // Those that start have not been seen well or unwell yet.
  const judged = staying.filter(({ ready, unhealthySince }) => ready || unhealthySince !== undefined).length;
  if (unhealthy.length > 1 && unhealthy.length * 2 > judged) {
    const [first] = unhealthy;
    const held = `${unhealthy.length} of ${judged} Nodes are unhealthy at once, ${first?.name} the longest: none is replaced until at most half are`;
    return { replace: [], held };
  }
  const starting = staying.filter(
    ({ ready, unhealthySince, createdAt }) =>
      !ready && unhealthySince === undefined && now - createdAt < startingMs,
  );
  const underWay = nodes.length - staying.length + starting.length;
  const room = Math.max(0, maxUnhealthy - underWay);
  // Those without room are looked at again when what is under way changes, or is taken for stuck.
  const stuck = starting.map(({ createdAt }) => createdAt + startingMs - now);
  const later = [...waits, ...(due.length > room ? stuck : [])];
  return {
    replace: due.slice(0, room).map(({ name }) => name),
    ...(later.length > 0 && { againInMs: Math.min(...later) }),
  };
}
