/** How many Nodes each placement should have. */

export interface Share {
  readonly name: string;
  readonly replicas: number;
}

/**
 * `total` shared out in proportion of the placements' own `replicas`, largest remainder first, ties by order. With all
 * proportions zero the placements count as equal. Absent `total`: each placement's own number.
 */
export function shareReplicas(
  placements: readonly Share[],
  total: number | undefined,
): ReadonlyMap<string, number> {
  if (total === undefined) return new Map(placements.map(({ name, replicas }) => [name, replicas]));
  const sum = placements.reduce((all, { replicas }) => all + replicas, 0);
  const weightOf = ({ replicas }: Share) => (sum === 0 ? 1 : replicas);
  const weights = sum === 0 ? placements.length : sum;
  const shares = placements.map((placement, order) => {
    const exact = (total * weightOf(placement)) / weights;
    return { name: placement.name, order, whole: Math.floor(exact), rest: exact - Math.floor(exact) };
  });
  let left = total - shares.reduce((all, { whole }) => all + whole, 0);
  const extra = new Set<string>();
  for (const { name } of [...shares].sort((a, b) => b.rest - a.rest || a.order - b.order)) {
    if (left === 0) break;
    extra.add(name);
    left -= 1;
  }
  return new Map(shares.map(({ name, whole }) => [name, whole + (extra.has(name) ? 1 : 0)]));
}
