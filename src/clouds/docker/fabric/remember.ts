import type { ServerStats } from '../../../haproxy/stats.ts';

/**
 * A reload forgets what checks have found: the new process goes on to use all servers, and has asked none yet. What was up
 * counts as up until a check says otherwise, or each new member would take the others' health away for a moment.
 */
export function rememberUp(): (stats: readonly ServerStats[]) => readonly ServerStats[] {
  const nameOf = ({ pool, server }: ServerStats) => `${pool}/${server}`;
  let up: ReadonlySet<string> = new Set();
  return (told) => {
    const stats = told.map((row): ServerStats => {
      if (row.status !== 'checking' || !up.has(nameOf(row))) return row;
      const { reason: _, ...known } = row;
      return { ...known, status: 'up' };
    });
    up = new Set(stats.filter(({ status }) => status === 'up').map(nameOf));
    return stats;
  };
}
