/** Finds out what became of a launch, from what its head carries now. */
import { ANNOTATIONS } from '../../api/names.ts';
import type { LaunchRecord } from '../../planning/launch-record.ts';
import type { RegionInventory } from '../inventory.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import type { createCall } from './call.ts';
import type { Outcomes } from './outcomes.ts';
import { recordOf } from './record.ts';

export interface Unsettled {
  /** Of any Node of the launch. */
  readonly record: LaunchRecord;
  readonly namespace: string;
  readonly region: RegionInventory;
  /** On whose behalf the call is repeated. */
  readonly open: OpenSession;
  /** Without it nothing is launched: all Nodes of the launch are being deleted. */
  readonly mayCall: boolean;
}

export function createSettle(
  { nodeResource }: Pick<Shared, 'nodeResource'>,
  outcomes: Outcomes,
  call: ReturnType<typeof createCall>,
) {
  return async ({ record, namespace, region, open, mayCall }: Unsettled): Promise<void> => {
    const { token } = record;
    // Past the cache: another operator may have written since.
    const head = await nodeResource.get({ namespace, name: record.head.name });
    if (head === undefined || head.metadata.uid !== record.head.uid) {
      outcomes.lookUp(token);
      return;
    }
    const held = recordOf(head);
    if (held?.token === token && held.members !== undefined) {
      if (mayCall) await call({ head, record: held }, { region, open, isRepeat: true });
      else outcomes.lookUp(token);
      return;
    }
    if (held?.spent?.includes(token)) {
      outcomes.lookUp(token);
      return;
    }
    // A former leader may be about to write the head: with this it meets a conflict, and its call is never made.
    const { resourceVersion } = head.metadata;
    await nodeResource.patch(
      head.metadata,
      { metadata: { resourceVersion, annotations: { [ANNOTATIONS.voided]: token } } },
      { type: 'merge' },
    );
    outcomes.set(token, { kind: 'void' });
  };
}
