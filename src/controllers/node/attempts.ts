/** From one launch to the next: when it may be tried, where, and with what wait after a failure. */
import { type Attachment, CloudError, type Machine } from '../../clouds/cloud.ts';
import type { LaunchRecord } from '../../planning/launch-record.ts';
import { zoneFor } from '../../planning/machine.ts';
import { again, done } from '../../runtime/controller.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Backoff } from '../backoff.ts';
import type { Standing } from '../status.ts';
import { spell, type Trouble, troubleOf } from '../trouble.ts';
import { fabricOfNode } from './fabric.ts';
import { membersAreOpen, type NodeControllerOptions, type Pass, warn } from './pass.ts';
import { launching, pending, settled, stateReason, troubled, type Verdict } from './verdict.ts';

/** Until a launch is tried in the next zone. */
const hopMs = 1_000;

/** What came to nothing, and when it may be tried again. `removals`: of failed machines, which others are to follow. */
export interface Attempted {
  readonly launches: Backoff;
  readonly removals: Backoff;
}

export function createAttempts(options: NodeControllerOptions, { launches, removals }: Attempted) {
  const { networks, fabrics, bursts, launcher, remover, peers, logger } = options;

  async function launch(pass: Pass, { attempt }: { readonly attempt: number }): Promise<Verdict> {
    const { key, region, open, belonging, record, node, anew, signal } = pass;
    region.watch(key);
    if (isNetworkGoing(pass)) return pending('its Network is going');
    if (launcher.isWaiting(key)) return pending('waiting for its batch');
    if (bursts.isRunning(belonging.network)) return pending('waiting for the Nodes made with it');
    const failure = launcher.takeFailure(key);
    if (failure !== undefined) {
      const failures = launches.failures(key);
      launches.fail(key, troubleOf(failure, failures) ?? ownTrouble(key, 'launch', failures, failure));
    }
    const held = launches.of(key);
    if (held !== undefined && held.waitMs > 0) {
      const { trouble, waitMs } = held;
      // Nothing of it is in the cloud until the next try.
      region.unwatch(key);
      const message = `${trouble.message}; next try in ${spell(trouble.retryAfterMs)}`;
      return {
        phase: trouble.stalled ? 'Failed' : 'Pending',
        standing: { kind: trouble.stalled ? 'stalled' : 'working', reason: trouble.reason, message },
        next: again(waitMs, trouble.reason),
        trouble: message,
      };
    }
    const turn = peers.turnOf(pass.seen);
    if (turn?.start === false) {
      region.unwatch(key);
      const { message, overdue, because, againInMs } = turn;
      const standing: Standing = overdue
        ? { kind: 'stalled', reason: 'PeersUnknown', message }
        : { kind: 'working', reason: 'WaitingForPeers', message };
      const next = againInMs === undefined ? done : again(againInMs, standing.reason);
      return { phase: 'Pending', standing, next, isNews: because !== undefined };
    }
    const attachment =
      belonging.network === undefined
        ? (await fabricOfNode({ node, belonging, open, fabrics, goal: 'wish', anew, signal })).attachment
        : fabrics.lastView(belonging.scopeKey)?.attachment;
    if (attachment === undefined)
      return {
        ...pending('waiting for the network and firewall of its placement'),
        next: again(5_000, 'no attachment yet'),
      };
    const zone = zoneFor(zonesOf(attachment), belonging.index, attempt);
    if (zone === undefined) return { ...pending('no zone to launch into'), next: again(5_000, 'no zone') };
    const batch = [region.key, open.credential, belonging.scopeKey, belonging.revision, zone].join(' ');
    launcher.request({
      key,
      batch,
      region,
      open,
      attachment,
      zone,
      attempt,
      ...(record && { former: record.token }),
    });
    return pending(`to be launched in ${zone}`);
  }

  function isNetworkGoing({ belonging }: Pass): boolean {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    return network?.metadata.deletionTimestamp !== undefined;
  }

  /** Thrown it would wait for the queue alone, and each batch that comes to an end wakes its Nodes at once. */
  function ownTrouble(key: string, what: string, failures: number, failure: Error): Trouble {
    const error = describeError(failure);
    logger.error({ node: key, error }, `${what} failed`);
    const retryAfterMs = Math.min(1_000 * 2 ** Math.min(failures, 10), 300_000);
    return {
      reason: 'InternalError',
      message: `the operator failed: ${error}`,
      stalled: false,
      retryAfterMs,
    };
  }

  /** The launch of this Node is over without a machine; the next one has a new token. */
  async function nextAttempt(pass: Pass, error: CloudError | undefined): Promise<Verdict> {
    const { key, record } = pass;
    if (record !== undefined && error !== undefined && launches.tokenOf(key) !== record.token) {
      const isFirst = launches.of(key) === undefined;
      noteRefusal(pass, record, error);
      if (isFirst) warn(options, pass, 'LaunchFailed', launches.of(key)?.trouble.message ?? error.message);
    }
    if (record?.members !== undefined && membersAreOpen(options, pass, record)) {
      return {
        ...launching('other Nodes of its launch are not settled yet'),
        next: again(1_000, 'members open'),
      };
    }
    removals.forget(key);
    return await launch(pass, { attempt: (record?.attempt ?? 0) + 1 });
  }

  /** A full zone is left for the next one. Only when there was no room in any of them, that is a failure. */
  function noteRefusal({ key, belonging }: Pass, record: LaunchRecord, error: CloudError): void {
    const trouble = troubleOf(error, launches.failures(key));
    if (trouble === undefined) return;
    if (error.code !== 'outOfCapacity') {
      launches.fail(key, trouble, record.token);
      return;
    }
    const zones = zonesOf(fabrics.lastView(belonging.scopeKey)?.attachment);
    const next = zoneFor(zones, belonging.index, record.attempt + 1);
    const where = next === undefined || next === record.zone ? '' : ` (in ${record.zone}, next in ${next})`;
    const message = trouble.message + where;
    if (launches.hops(key) + 1 < zones.length)
      launches.hop(key, { ...trouble, message, retryAfterMs: hopMs }, record.token);
    else launches.fail(key, { ...trouble, message }, record.token);
  }

  async function relaunchEnded(pass: Pass, ended: Machine): Promise<Verdict> {
    noteEnd(pass, ended, `machine ${ended.id} ended${stateReason(ended)}`);
    return await nextAttempt(pass, undefined);
  }

  async function relaunchLost(pass: Pass, what: string): Promise<Verdict> {
    noteLoss(pass, what);
    return await nextAttempt(pass, undefined);
  }

  /** What will not run again makes room first. The next pass that finds nothing of it launches another. */
  function removeFailed(pass: Pass, failed: Machine): Verdict {
    const { key, region, open, node } = pass;
    const what = `machine ${failed.id} failed${stateReason(failed)}`;
    noteEnd(pass, failed, what);
    region.watch(key);
    const failure = remover.takeFailure(failed.id);
    if (failure !== undefined) {
      const failures = removals.failures(key);
      removals.fail(key, troubleOf(failure, failures) ?? ownTrouble(key, 'removal', failures, failure));
    }
    const held = removals.of(key);
    if (held !== undefined && held.waitMs > 0) return troubled(node, false, held);
    remover.request({ region, open, id: failed.id });
    const phase = wasReady(pass) ? 'Unhealthy' : (node.status.phase ?? 'Starting');
    const message = `${what}; it is removed, and another follows`;
    return settled(phase, { kind: 'working', reason: 'MachineLost', message });
  }

  function noteEnd(pass: Pass, ended: Machine, what: string): void {
    if (wasReady(pass)) {
      noteLoss(pass, what);
      return;
    }
    const { key, record } = pass;
    if (record === undefined || launches.tokenOf(key) === record.token) return;
    warn(options, pass, 'LaunchFailed', `${what}; another follows`);
    const cause = causeOf(ended);
    if (cause !== undefined) noteRefusal(pass, record, cause);
    else
      launches.fail(
        key,
        { reason: 'LaunchFailed', message: what, stalled: false, retryAfterMs: slowerMs(key) },
        record.token,
      );
  }

  /**
   * A machine that served is replaced at once. Where it is lost again and again, each further one waits longer: an image
   * that shuts its machine down must not launch, and pay, without end.
   */
  function noteLoss(pass: Pass, what: string): void {
    const { key, record } = pass;
    if (record === undefined || launches.tokenOf(key) === record.token) return;
    warn(options, pass, 'MachineLost', `${what}; another follows`);
    const retryAfterMs = launches.failures(key) === 0 ? 0 : slowerMs(key);
    launches.fail(key, { reason: 'MachineLost', message: what, stalled: false, retryAfterMs }, record.token);
  }

  function slowerMs(key: string): number {
    return Math.min(5_000 * 2 ** Math.min(launches.failures(key), 10), 600_000);
  }

  return { launch, nextAttempt, relaunchEnded, relaunchLost, removeFailed };
}

function wasReady({ node }: Pass): boolean {
  return node.status.phase === 'Ready' || node.status.phase === 'Unhealthy';
}

function zonesOf(attachment: Attachment | undefined): readonly string[] {
  return (attachment?.zones ?? []).map(({ zone }) => zone);
}

/** The state reason of a machine that ended goes through the same table as a refused call. */
function causeOf({ id, stateReason }: Machine): CloudError | undefined {
  if (stateReason?.means === undefined) return undefined;
  const { code: reason, message, means: code } = stateReason;
  return new CloudError({ code, outcome: 'none', api: `machine ${id}`, reason, message, finding: true });
}
