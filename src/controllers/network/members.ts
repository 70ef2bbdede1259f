import { keyOf } from '../../kube/object.ts';
import { machinesOf } from '../../planning/machine.ts';
import type { Health } from '../health.ts';
import type { RegionInventory } from '../inventory.ts';
import { readableRecordOf } from '../launch/record.ts';
import type { Site } from './site.ts';

/**
 * Ids of the machines of placements that belong into a balancer. Who is unwell is left out, unless nobody would be left: a
 * balancer that finds nobody serves nobody.
 */
export function membersOf(
  sites: readonly Site[],
  region: RegionInventory | undefined,
  health: Health,
): string[] {
  const running = sites
    .flatMap(({ nodes }) => nodes)
    .flatMap((seen) => {
      const record = readableRecordOf(seen);
      if (record === undefined || seen.metadata.deletionTimestamp !== undefined || !seen.parsed.ok) return [];
      const { machine } = machinesOf(
        record,
        seen.parsed.value.status.machine?.id,
        region?.launchedBy(record.token) ?? [],
      );
      if (machine?.state !== 'running') return [];
      return [{ id: machine.id, isWell: health.of(keyOf(seen.metadata))?.health !== 'unhealthy' }];
    });
  const well = running.filter(({ isWell }) => isWell);
  return (well.length > 0 ? well : running).map(({ id }) => id);
}
