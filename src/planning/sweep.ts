/** Which machines nobody claims, and how many of them may go. Pure. */
import type { Machine } from '../clouds/cloud.ts';

export interface SweepInput {
  readonly machines: readonly Machine[];
  readonly isClaimed: (machine: Machine) => boolean;
  /** Machine id -> since when nobody claims it, as the sweep before answered. */
  readonly orphanedSince: ReadonlyMap<string, number>;
  readonly now: number;
  readonly graceMs: number;
  readonly removedLastHour: number;
}

export interface SweepPlan {
  readonly remove: readonly Machine[];
  /** More than an hour may remove: none of these goes. */
  readonly held: number;
  /** For the next sweep. */
  readonly orphanedSince: ReadonlyMap<string, number>;
}

/** At most five or a tenth of all machines an hour. Whoever finds more has made a mistake, and we do not repeat it a thousand times. */
export function planSweep({
  machines,
  isClaimed,
  orphanedSince,
  now,
  graceMs,
  removedLastHour,
}: SweepInput): SweepPlan {
  const living = machines.filter(({ state }) => state !== 'terminated' && state !== 'terminating');
  const orphans = living.filter((machine) => !isClaimed(machine));
  const since = new Map(orphans.map(({ id }) => [id, orphanedSince.get(id) ?? now]));
  const due = orphans.filter(({ id }) => now - (since.get(id) ?? now) >= graceMs);
  const allowed = Math.max(5, Math.floor(living.length / 10)) - removedLastHour;
  return {
    ...(due.length <= allowed ? { remove: due, held: 0 } : { remove: [], held: due.length }),
    orphanedSince: since,
  };
}
