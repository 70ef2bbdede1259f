import type { Step } from '../../clouds/cloud.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { Fabrics } from '../fabrics.ts';
import type { Region } from './region.ts';
import type { SiteTrouble } from './site.ts';

/** What came of the scope that the placements of a region share. */
export interface SharedResult {
  readonly steps: readonly Step[];
  /** Whether they come before those of the placements. */
  readonly isFirst: boolean;
  readonly trouble: SiteTrouble | undefined;
}

/** What was done for all of a region is told with the first of its placements; what stands in the way, with all that want it. */
export function conclude(
  fabrics: Pick<Fabrics, 'lastView'>,
  { sites }: Region,
  { steps, isFirst, trouble }: SharedResult,
): void {
  const host = sites.find(({ aligned }) => aligned !== undefined);
  for (const site of sites) {
    const { owner, aligned } = site;
    if (aligned === undefined) continue;
    const more = site === host ? steps : [];
    site.aligned = {
      ...aligned,
      view: fabrics.lastView(scopeKeyOf(owner)) ?? aligned.view,
      steps: isFirst ? [...more, ...aligned.steps] : [...aligned.steps, ...more],
    };
  }
  if (trouble === undefined) return;
  const wishing = sites.filter(({ wished }) => wished);
  for (const site of wishing.length > 0 ? wishing : sites) site.trouble ??= trouble;
}
