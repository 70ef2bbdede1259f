/** What a CloudCredential's status says. */
import type { Condition } from '../../api/common.ts';
import type { CloudCredential, CloudCredentialStatus } from '../../api/credential.ts';
import { ANNOTATIONS, FINALIZER } from '../../api/names.ts';
import { hasFinalizer } from '../../kube/finalizer.ts';
import { keyOf } from '../../kube/object.ts';
import { findCondition, setCondition } from '../conditions.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import { conditionsFor, type Standing, writeStatus } from '../status.ts';

export interface CredentialStatusOptions
  extends Pick<Shared, 'credentialResource' | 'sweepHolds' | 'tell' | 'clock'> {
  /** Whether the Secret of a credential in use is held too. */
  readonly holdSecrets: boolean;
}

/** As found when the cloud answered last. */
export function found({ parsed }: Seen<CloudCredential>): CloudCredentialStatus {
  if (!parsed.ok) return {};
  const { account, principal } = parsed.value.status;
  return { ...(account !== undefined && { account }), ...(principal !== undefined && { principal }) };
}

export function createCredentialStatus(options: CredentialStatusOptions) {
  const { credentialResource, sweepHolds, holdSecrets, tell, clock } = options;

  async function write(
    seen: Seen<CloudCredential>,
    status: CloudCredentialStatus,
    standing: Standing,
    signal: AbortSignal,
  ): Promise<void> {
    const before: CloudCredentialStatus = seen.parsed.ok ? seen.parsed.value.status : {};
    const { generation: observedGeneration } = seen.metadata;
    const now = clock.now();
    tell({ object: seen, before: before.conditions, standing });
    const standings = conditionsFor(before.conditions, standing, { generation: observedGeneration, now });
    const kept: Condition[] = standings.filter(({ type }) => type !== 'Protected' && type !== 'SweepHeld');
    for (const condition of [protectionOf(seen, status), heldBySweep(seen)]) {
      if (condition === undefined) continue;
      const same = before.conditions?.filter(({ type }) => type === condition.type);
      kept.push(...setCondition(same, { ...condition, observedGeneration }, now));
    }
    await writeStatus(credentialResource, seen, {
      before,
      after: { ...status, observedGeneration, conditions: kept },
      signal,
    });
  }

  /** As it stands until the first sweep of this process has looked. */
  function heldBySweep({ metadata, parsed }: Seen<CloudCredential>) {
    const type = 'SweepHeld';
    const holds = sweepHolds.of(keyOf(metadata));
    if (holds === undefined && parsed.ok) {
      const told = findCondition(parsed.value.status.conditions, type);
      return told && ({ type, status: 'True', reason: 'SweepHeld', message: told.message } as const);
    }
    if (holds === undefined || holds.length === 0) return undefined;
    const counts = holds.map(({ held, region }) => `${held} in ${region}`).join(', ');
    const message = `machines without an object, more than an hour may remove, so none is: ${counts}; find out why before you remove them`;
    return { type, status: 'True', reason: 'SweepHeld', message } as const;
  }

  function protectionOf(seen: Seen<CloudCredential>, { usedBy = 0 }: CloudCredentialStatus) {
    const type = 'Protected';
    if (usedBy === 0)
      return { type, status: 'False', reason: 'Unused', message: 'nothing uses it, so it can go' } as const;
    if (!holdSecrets) {
      const held = seen.metadata.annotations?.[ANNOTATIONS.heldSecret];
      return {
        type,
        status: 'False',
        reason: 'FinalizerOff',
        message:
          held === undefined
            ? 'its Secret is not held: deleting the namespace can leave machines that nobody can reach'
            : `the operator may not touch Secrets any more, and Secret ${held} still carries ${FINALIZER}: take it off by hand before you delete it`,
      } as const;
    }
    if (!hasFinalizer(seen, FINALIZER))
      return { type, status: 'False', reason: 'InUse', message: 'not held yet' } as const;
    return {
      type,
      status: 'True',
      reason: 'FinalizersInPlace',
      message: 'it and its Secret stay while they are in use',
    } as const;
  }

  return write;
}
