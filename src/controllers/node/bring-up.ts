/** From no machine to a Ready one, and back to Ready whenever it is lost. */
import { CloudError } from '../../clouds/cloud.ts';
import type { LaunchRecord } from '../../planning/launch-record.ts';
import { again } from '../../runtime/controller.ts';
import { describeError } from '../../runtime/errors.ts';
import { spell } from '../trouble.ts';
import { type Attempted, createAttempts } from './attempts.ts';
import { createFollow } from './follow.ts';
import {
  knownMachine,
  lookedUpFor,
  lookUpAgainMs,
  type NodeControllerOptions,
  type Pass,
  repeatOf,
} from './pass.ts';
import { keep, launching, type Verdict } from './verdict.ts';

export function createBringUp(options: NodeControllerOptions, attempted: Attempted) {
  const { launcher } = options;
  const follow = createFollow(options, attempted.launches);
  const { launch, nextAttempt, relaunchEnded, relaunchLost, removeFailed } = createAttempts(
    options,
    attempted,
  );

  async function bringUp(pass: Pass): Promise<Verdict> {
    const { key, region, open, record, found } = pass;
    if (found.machine !== undefined) {
      region.present(key);
      if (found.machine.state === 'failed') return removeFailed(pass, found.machine);
      return await follow(pass, found.machine);
    }
    if (record === undefined) return await launch(pass, { attempt: 1 });
    region.watch(key);
    if (found.ended !== undefined) return await relaunchEnded(pass, found.ended);
    const known = knownMachine(pass.node, record, region);
    const outcome = launcher.outcomeOf(record.token);
    if (known !== undefined && outcome === undefined) return await searchLost(pass, known);
    if (outcome === undefined) {
      launcher.settle({ record, namespace: pass.seen.metadata.namespace, region, open, mayCall: true });
      return launching('finding out what became of its launch');
    }
    switch (outcome.kind) {
      case 'open':
        return launching(`a machine was asked for in ${record.zone}`);
      case 'refused':
        return await nextAttempt(pass, outcome.error);
      case 'answered':
        if (record.index >= outcome.count)
          return await nextAttempt(pass, outcome.shortage ?? shortageOf(record));
        return await searchLost(pass, known);
      case 'unknown': {
        const { trouble, waitMs } = repeatOf(options, outcome);
        if (waitMs > 0) {
          const message = `${describeError(outcome.error)}; the same launch is repeated in ${spell(trouble?.retryAfterMs ?? waitMs)}`;
          return {
            ...launching(message),
            ...(trouble?.stalled && { standing: { kind: 'stalled', reason: trouble.reason, message } }),
            trouble: message,
            next: again(waitMs, 'launch has no answer'),
          };
        }
        launcher.settle({ record, namespace: pass.seen.metadata.namespace, region, open, mayCall: true });
        return launching('repeating its launch');
      }
      case 'void':
        // The record stays until the next one takes its place: it says which calls this Node made as a head before.
        return await launch(pass, { attempt: record.attempt });
      case 'lookUp':
        if (lookedUpFor(options, pass, outcome.since) >= region.readLagMs)
          return await nextAttempt(pass, undefined);
        return {
          ...launching('looking for its machine by launch token'),
          next: again(lookUpAgainMs(options, pass, outcome.since), 'read lag'),
        };
    }
  }

  /** Neither its id nor its token is in the list. Only after the read-lag window, and a read by id, is it gone. */
  async function searchLost(pass: Pass, id: string | undefined): Promise<Verdict> {
    const { key, region, open, node, signal } = pass;
    region.watch(key);
    if (region.absentForMs(key) < region.readLagMs) {
      return { ...keep(node, 'its machine is not in the list'), next: again(5_000, 'read lag') };
    }
    if (id !== undefined) {
      const [machine] = await open.session.machines.read([id], signal);
      if (machine !== undefined && machine.launch?.token === pass.record?.token) {
        region.learn([machine]);
        return { ...keep(node, 'its machine is read by its id'), next: again(1_000, 'learned') };
      }
    }
    region.present(key);
    return await relaunchLost(pass, `machine ${id ?? 'of its launch'} is not there any more`);
  }

  return bringUp;
}

function shortageOf({ zone }: LaunchRecord): CloudError {
  return new CloudError({
    code: 'outOfCapacity',
    outcome: 'none',
    api: 'launch',
    reason: 'FewerThanAskedFor',
    message: `fewer machines than asked for in ${zone}`,
  });
}
