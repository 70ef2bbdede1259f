/** Makes the call that a head's record describes. The first time and every further time are the same. */
import type { Node } from '../../api/node.ts';
import { CloudError, type CloudErrorCode, type Json, type LaunchRequest } from '../../clouds/cloud.ts';
import { CLOUDS, type CloudName } from '../../clouds/index.ts';
import { keyOf } from '../../kube/object.ts';
import { type LaunchRecord, rowsOf } from '../../planning/launch-record.ts';
import { withDeadline } from '../../runtime/deadline.ts';
import { describeError } from '../../runtime/errors.ts';
import { belongingOf } from '../belonging.ts';
import type { RegionInventory } from '../inventory.ts';
import type { Seen } from '../kinds.ts';
import type { OpenSession } from '../sessions.ts';
import { workloadOf } from '../workload.ts';
import type { Committed } from './commit.ts';
import type { LauncherOptions } from './launcher.ts';
import type { Outcomes } from './outcomes.ts';
import { isRecordUnreadable, recordOf } from './record.ts';

export const callDeadlineMs = 120_000;

interface Behalf {
  readonly region: RegionInventory;
  readonly open: OpenSession;
}

/** A repeat refused for these was not answered with the machines of an earlier call, so there was none that succeeded. */
const provesNothingMade: ReadonlySet<CloudErrorCode> = new Set(['outOfCapacity', 'quota']);
/** These come before a cloud looks at the request at all; the same launch is repeated, with the same token. */
const provesNothing: ReadonlySet<CloudErrorCode> = new Set(['throttled', 'unavailable', 'unauthorized']);

export function createCall(options: LauncherOptions, outcomes: Outcomes) {
  const { nodes, nodeResource, secrets, remover, wake, onLaunched, clock, logger, metrics } = options;

  async function call(
    { head, record }: Committed,
    behalf: Behalf & { readonly isRepeat: boolean },
  ): Promise<void> {
    const { region, open, isRepeat } = behalf;
    const { token, members = [], zone } = record;
    const failed = outcomes.failures(token);
    outcomes.set(token, { kind: 'open' });
    const { cloud, session } = open;
    try {
      const { machines, shortage, spent } = await withDeadline(
        { deadlineMs: callDeadlineMs, clock, what: `launch ${token}` },
        async (signal) => {
          const request = await requestOf(head, record, cloud, signal);
          outcomes.called(token);
          return await session.machines.launch(request, signal);
        },
      );
      region.learn(machines);
      if (spent) outcomes.lookUp(token);
      else outcomes.set(token, { kind: 'answered', count: machines.length, ...(shortage && { shortage }) });
      metrics.launches.inc({ cloud, outcome: spent ? 'spent' : 'answered' });
      logger.info({ launch: token, asked: members.length, made: machines.length, zone }, 'launched machines');
      if (machines.length > 0) onLaunched(head, machines.length, zone);
      await removeUnowned({ head, record }, behalf);
    } catch (error) {
      const isRefused = noteError(token, error, { isRepeat, failed }) === 'refused';
      metrics.launches.inc({ cloud, outcome: isRefused ? 'refused' : 'unknown' });
      logger.warn(
        { launch: token, zone, error: describeError(error) },
        isRefused ? 'launch was refused' : 'launch has no answer',
      );
    } finally {
      outcomes.dropUnlessCarried(token);
      for (const name of members) wake(keyOf({ namespace: head.metadata.namespace, name }));
    }
  }

  /** A refusal speaks of the call it answers. An earlier call with the same token, whose reply was lost, may have succeeded. */
  function noteError(
    token: string,
    error: unknown,
    { isRepeat, failed }: { readonly isRepeat: boolean; readonly failed: number },
  ): 'refused' | 'unknown' {
    const isCertain = error instanceof CloudError && error.outcome === 'none';
    if (!isCertain || provesNothing.has(error.code)) {
      outcomes.lose(token, error, failed);
      return 'unknown';
    }
    if (isRepeat && !provesNothingMade.has(error.code)) {
      outcomes.lookUp(token);
      return 'unknown';
    }
    outcomes.set(token, { kind: 'refused', error });
    return 'refused';
  }

  async function requestOf(
    head: Seen<Node>,
    record: LaunchRecord,
    cloud: CloudName,
    signal: AbortSignal,
  ): Promise<LaunchRequest> {
    if (!head.parsed.ok) throw new Error(`node ${keyOf(head.metadata)}: ${head.parsed.message}`);
    const node = head.parsed.value;
    const { owner, uid, spec } = belongingOf(node, record.cluster);
    const { peers, token } = record;
    const { hasUserData } = CLOUDS[cloud];
    return {
      token,
      owner,
      ...(uid !== undefined && { uid }),
      spec,
      resolved: asJson(record.resolved),
      rows: rowsOf(record),
      workload: await workloadOf(node, secrets, signal, {
        hasUserData,
        ...(peers && { peers }),
      }),
    };
  }

  /**
   * Removes the machines that nobody will ask for: their Node was forced out of the cluster after the commit, or has gone
   * on to another launch.
   */
  async function removeUnowned({ head, record }: Committed, { region, open }: Behalf): Promise<void> {
    const { namespace } = head.metadata;
    for (const machine of region.launchedBy(record.token)) {
      const index = machine.launch?.index ?? 0;
      const name = record.members?.[index];
      if (name === undefined || machine.state === 'terminated' || machine.state === 'terminating') continue;
      const isAskedFor = (seen: Seen<Node> | undefined) => {
        if (seen !== undefined && isRecordUnreadable(seen)) return true;
        const held = seen && recordOf(seen);
        return held?.token === record.token && held.index === index;
      };
      if (isAskedFor(nodes.get(keyOf({ namespace, name })))) continue;
      if (isAskedFor(await nodeResource.get({ namespace, name }))) continue;
      remover.request({ region, open, id: machine.id });
    }
  }

  return call;
}

function asJson(value: LaunchRecord['resolved']): Json {
  return value ?? null;
}
