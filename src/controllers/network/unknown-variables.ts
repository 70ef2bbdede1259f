import type { Network } from '../../api/network.ts';
import { unknownVariables } from '../../planning/workload.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import type { Memory } from './memory.ts';
import type { Site } from './site.ts';

/** Once for each revision: the status has the one that was told of last, also before a restart. */
export function tellUnknownVariables(
  { events }: Pick<Shared, 'events'>,
  seen: Seen<Network>,
  { spec, status }: Network,
  sites: readonly Site[],
  memory: Memory,
): void {
  const revision = sites.find(({ wished }) => wished)?.revision;
  if (revision === status.revision || revision === memory.toldRevision) return;
  memory.toldRevision = revision;
  const unknown = unknownVariables(spec.client, { hasPeering: spec.peering !== undefined });
  if (unknown.length === 0) return;
  const texts = unknown.map(({ field, name, isSecret }) =>
    isSecret
      ? `$(${name}) in ${field} comes from a Secret, which is put into env and files alone`
      : `$(${name}) in ${field} has no value`,
  );
  const note = `${texts.join('; ')}: it stays as it is`;
  events.event({ regarding: seen, type: 'Warning', reason: 'UnknownVariable', action: 'Expand', note });
}
