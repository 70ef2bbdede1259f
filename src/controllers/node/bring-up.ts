/** From no machine to a Ready one, and back to Ready whenever it is lost. */
import { type Attachment, CloudError, type Machine } from '../../clouds/cloud.ts';
import { keyOf } from '../../kube/object.ts';
import type { LaunchRecord } from '../../planning/launch-record.ts';
import { zoneFor } from '../../planning/machine.ts';
import { again } from '../../runtime/controller.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Backoff } from '../backoff.ts';
import type { OpenSession } from '../sessions.ts';
import type { Standing } from '../status.ts';
import { spell, troubleOf } from '../trouble.ts';
import { fabricOfNode } from './fabric.ts';
import {
  knownMachine,
  lookedUpFor,
  lookUpAgainMs,
  membersAreOpen,
  type NodeControllerOptions,
  type Pass,
  repeatOf,
  warn,
} from './pass.ts';
import { keep, launching, pending, settled, stateReason, type Verdict } from './verdict.ts';

/** How often the firewall of a standalone Node is looked at when nothing happens. */
const restLookMs = 600_000;
/** Until a launch is tried in the next zone. */
const hopMs = 1_000;

export function createBringUp(options: NodeControllerOptions, backoff: Backoff) {
  const { networks, fabrics, bursts, launcher, readLagMs } = options;

  async function bringUp(pass: Pass, open: OpenSession): Promise<Verdict> {
    const { key, region, record, found } = pass;
    if (found.machine !== undefined) {
      region.present(key);
      return await follow(pass, found.machine, open);
    }
    if (record === undefined) return await launch(pass, open, { attempt: 1 });
    region.watch(key);
    if (found.ended !== undefined) return await relaunchEnded(pass, found.ended, open);
    const known = knownMachine(pass.node, record, region);
    const outcome = launcher.outcomeOf(record.token);
    if (known !== undefined && outcome === undefined) return await searchLost(pass, known, open);
    if (outcome === undefined) {
      launcher.settle({ record, namespace: pass.seen.metadata.namespace, region, mayCall: true });
      return launching('finding out what became of its launch');
    }
    switch (outcome.kind) {
      case 'open':
        return launching(`a machine was asked for in ${record.zone}`);
      case 'refused':
        return await nextAttempt(pass, open, outcome.error);
      case 'answered':
        if (record.index >= outcome.count)
          return await nextAttempt(pass, open, outcome.shortage ?? shortageOf(record));
        return await searchLost(pass, undefined, open);
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
        launcher.settle({ record, namespace: pass.seen.metadata.namespace, region, mayCall: true });
        return launching('repeating its launch');
      }
      case 'void':
        // The record stays until the next one takes its place: it says which calls this Node made as a head before.
        return await launch(pass, open, { attempt: record.attempt });
      case 'lookUp':
        if (lookedUpFor(options, pass, outcome.since) >= readLagMs)
          return await nextAttempt(pass, open, undefined);
        return {
          ...launching('looking for its machine by launch token'),
          next: again(lookUpAgainMs(options, pass, outcome.since), 'read lag'),
        };
    }
  }

  /** A machine is there: from booting to Ready, and what befalls it then. */
  async function follow(pass: Pass, machine: Machine, open: OpenSession): Promise<Verdict> {
    const { key, region, belonging, node, anew } = pass;
    if (machine.state !== 'running') region.watch(key);
    if (machine.state === 'pending') {
      return settled('Starting', {
        kind: 'working',
        reason: 'Starting',
        message: `machine ${machine.id} boots`,
      });
    }
    if (machine.state === 'stopped' || machine.state === 'stopping') {
      const message = `machine ${machine.id} is ${machine.state}${stateReason(machine)}: start it, or delete the Node`;
      return settled('Unhealthy', { kind: 'stalled', reason: 'Unhealthy', message });
    }
    if (machine.state === 'terminating') {
      const message = `machine ${machine.id} is being terminated${stateReason(machine)}; another follows`;
      return settled('Unhealthy', { kind: 'working', reason: 'MachineLost', message });
    }
    if (belonging.network === undefined)
      await fabricOfNode({ node, belonging, open, fabrics, goal: 'wish', anew, signal: pass.signal });
    const health = healthIn(pass, machine);
    if (health === 'unseen') {
      region.unwatch(key);
      if (node.status.phase === 'Ready') return settled('Ready', readyStanding(machine));
      return settled('Starting', {
        kind: 'working',
        reason: 'Starting',
        message: `machine ${machine.id} runs; its balancer has not been read yet`,
      });
    }
    region.unwatch(key);
    if (health === 'healthy') {
      backoff.forget(key);
      const ready = settled('Ready', readyStanding(machine));
      // Nobody else looks at the firewall of a Node without a Network.
      return belonging.network === undefined ? { ...ready, next: again(restLookMs, 'at rest') } : ready;
    }
    if (node.status.phase === 'Ready' || node.status.phase === 'Unhealthy')
      return settled('Unhealthy', {
        kind: 'working',
        reason: 'Unhealthy',
        message: `machine ${machine.id}: ${health}`,
      });
    return settled('Starting', {
      kind: 'working',
      reason: 'Starting',
      message: `machine ${machine.id} runs; ${health}`,
    });
  }

  function readyStanding(machine: Machine): Standing {
    return { kind: 'ready', reason: 'Ready', message: `machine ${machine.id} runs` };
  }

  /** `healthy`, `unseen`, or what its balancer says of it. */
  function healthIn({ belonging }: Pass, machine: Machine): string {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    if (network === undefined || !network.parsed.ok || network.parsed.value.spec.balancer === undefined)
      return 'healthy';
    const view = fabrics.lastView(belonging.scopeKey);
    if (view === undefined) return 'unseen';
    const member = view.members.get(machine.id);
    if (member === undefined) return 'not in its balancer yet';
    if (member.health === 'healthy' && member.pools === view.pools) return 'healthy';
    return `${member.health} in its balancer${member.reason === undefined ? '' : ` (${member.reason})`}`;
  }

  async function launch(
    pass: Pass,
    open: OpenSession,
    { attempt }: { readonly attempt: number },
  ): Promise<Verdict> {
    const { key, region, belonging, record, node, anew, signal } = pass;
    region.watch(key);
    if (launcher.isWaiting(key)) return pending('waiting for its batch');
    if (bursts.isRunning(belonging.network)) return pending('waiting for the Nodes made with it');
    const failure = launcher.takeFailure(key);
    if (failure !== undefined) {
      const trouble = troubleOf(failure, backoff.failures(key));
      if (trouble === undefined) throw failure;
      backoff.fail(key, trouble);
    }
    const held = backoff.of(key);
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
    const batch = [
      region.key,
      keyOf(node.spec.credentialRef),
      belonging.scopeKey,
      belonging.revision,
      zone,
    ].join(' ');
    launcher.request({
      key,
      batch,
      region,
      attachment,
      zone,
      attempt,
      ...(record && { former: record.token }),
    });
    return pending(`to be launched in ${zone}`);
  }

  /** The launch of this Node is over without a machine; the next one has a new token. */
  async function nextAttempt(pass: Pass, open: OpenSession, error: CloudError | undefined): Promise<Verdict> {
    const { key, record } = pass;
    if (record !== undefined && error !== undefined && backoff.tokenOf(key) !== record.token) {
      const isFirst = backoff.of(key) === undefined;
      noteRefusal(pass, record, error);
      if (isFirst) warn(options, pass, 'LaunchFailed', backoff.of(key)?.trouble.message ?? error.message);
    }
    if (record?.members !== undefined && membersAreOpen(options, pass, record)) {
      return {
        ...launching('other Nodes of its launch are not settled yet'),
        next: again(1_000, 'members open'),
      };
    }
    return await launch(pass, open, { attempt: (record?.attempt ?? 0) + 1 });
  }

  /** A full zone is left for the next one. Only when there was no room in any of them, that is a failure. */
  function noteRefusal({ key, belonging }: Pass, record: LaunchRecord, error: CloudError): void {
    const trouble = troubleOf(error, backoff.failures(key));
    if (trouble === undefined) return;
    if (error.code !== 'outOfCapacity') {
      backoff.fail(key, trouble, record.token);
      return;
    }
    const zones = zonesOf(fabrics.lastView(belonging.scopeKey)?.attachment);
    const next = zoneFor(zones, belonging.index, record.attempt + 1);
    const where = next === undefined || next === record.zone ? '' : ` (in ${record.zone}, next in ${next})`;
    const message = trouble.message + where;
    if (backoff.hops(key) + 1 < zones.length)
      backoff.hop(key, { ...trouble, message, retryAfterMs: hopMs }, record.token);
    else backoff.fail(key, { ...trouble, message }, record.token);
  }

  async function relaunchEnded(pass: Pass, ended: Machine, open: OpenSession): Promise<Verdict> {
    const { key, node, record } = pass;
    const wasReady = node.status.phase === 'Ready' || node.status.phase === 'Unhealthy';
    const what = `machine ${ended.id} ended${stateReason(ended)}`;
    if (record !== undefined && backoff.tokenOf(key) !== record.token) {
      const reason = wasReady ? 'MachineLost' : 'LaunchFailed';
      warn(options, pass, reason, `${what}; another follows`);
      const cause = wasReady ? undefined : causeOf(ended);
      if (cause !== undefined) noteRefusal(pass, record, cause);
      else {
        const slowerMs = Math.min(5_000 * 2 ** Math.min(backoff.failures(key), 10), 600_000);
        const retryAfterMs = wasReady ? 0 : slowerMs;
        backoff.fail(key, { reason, message: what, stalled: false, retryAfterMs }, record.token);
      }
    }
    return await nextAttempt(pass, open, undefined);
  }

  /** Neither its id nor its token is in the list. Only after the read-lag window, and a read by id, is it gone. */
  async function searchLost(pass: Pass, id: string | undefined, open: OpenSession): Promise<Verdict> {
    const { key, region, node, signal } = pass;
    region.watch(key);
    if (region.absentForMs(key) < readLagMs) {
      return { ...keep(node, 'its machine is not in the list'), next: again(5_000, 'read lag') };
    }
    if (id !== undefined) {
      const [machine] = await open.session.machines.read([id], signal);
      if (machine !== undefined && machine.launch?.token === pass.record?.token) {
        region.learn([machine]);
        return { ...keep(node, 'its machine is read by its id'), next: again(1_000, 'learned') };
      }
    }
    warn(
      options,
      pass,
      'MachineLost',
      `machine ${id ?? 'of its launch'} is not there any more; another follows`,
    );
    region.present(key);
    return await nextAttempt(pass, open, undefined);
  }

  return bringUp;
}

function zonesOf(attachment: Attachment | undefined): readonly string[] {
  return (attachment?.zones ?? []).map(({ zone }) => zone);
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

/** The state reason of a machine that ended goes through the same table as a refused call. */
function causeOf({ id, stateReason }: Machine): CloudError | undefined {
  if (stateReason?.means === undefined) return undefined;
  const { code, message, means } = stateReason;
  return new CloudError({ code: means, outcome: 'none', api: `machine ${id}`, reason: code, message });
}
