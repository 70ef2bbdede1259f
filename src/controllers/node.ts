import { ANNOTATIONS, FINALIZER } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import type { Node, NodePhase, NodeStatus } from '../api/node.ts';
import type { Attachment, Machine } from '../clouds/cloud.ts';
import { CloudError } from '../clouds/cloud.ts';
import type { EventRecorder } from '../kube/events.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../kube/finalizer.ts';
import type { Informer } from '../kube/informer.ts';
import { keyOf } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';
import type { LaunchRecord } from '../planning/launch-record.ts';
import { type MachinesOfNode, machinesOf, zoneFor } from '../planning/machine.ts';
import type { Clock } from '../runtime/clock.ts';
import { again, done, type Outcome } from '../runtime/controller.ts';
import { describeError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../telemetry.ts';
import { createBackoff } from './backoff.ts';
import { type Belonging, belongingOf } from './belonging.ts';
import type { Fabrics } from './fabrics.ts';
import type { Inventory, RegionInventory } from './inventory.ts';
import type { Seen } from './kinds.ts';
import { type Launcher, recordOf } from './launcher.ts';
import { fabricOfNode } from './node-fabric.ts';
import type { RemoveMachine } from './remover.ts';
import type { OpenSession, Sessions } from './sessions.ts';
import { conditionsFor, type Standing, writeStatus } from './status.ts';
import { spell, type Trouble, troubleOf } from './trouble.ts';

export interface NodeControllerOptions {
  readonly nodes: Informer<Seen<Node>>;
  readonly nodeResource: Resource<Seen<Node>>;
  readonly networks: Informer<Seen<Network>>;
  readonly sessions: Sessions;
  readonly inventory: Inventory;
  readonly fabrics: Fabrics;
  readonly launcher: Launcher;
  readonly remove: RemoveMachine;
  readonly events: EventRecorder;
  readonly cluster: string;
  readonly readLagMs: number;
  readonly paused: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What one pass knows about its Node. */
interface Pass {
  readonly key: string;
  readonly seen: Seen<Node>;
  readonly node: Node;
  readonly belonging: Belonging;
  readonly record: LaunchRecord | undefined;
  readonly region: RegionInventory;
  readonly found: MachinesOfNode;
  readonly signal: AbortSignal;
}

/** What a pass found, for the status, and when to look again. */
interface Verdict {
  readonly phase: NodePhase;
  readonly standing: Standing;
  readonly next: Outcome;
  readonly trouble?: string;
}

/** A machine that is on its way out of a balancer waits this much longer than its drain time for a look that shows it. */
const drainMarginMs = 30_000;

export function createNodeController(options: NodeControllerOptions) {
  const { nodes, nodeResource, networks, sessions, inventory, fabrics, launcher, remove, events } = options;
  const { cluster, readLagMs, paused, clock, logger, metrics } = options;
  const backoff = createBackoff(clock);

  async function reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const seen = nodes.get(key);
    if (seen === undefined) {
      backoff.forget(key);
      for (const region of inventory.regions()) region.unwatch(key);
      return done;
    }
    if (!seen.parsed.ok) {
      const standing: Standing = { kind: 'stalled', reason: 'Invalid', message: seen.parsed.message };
      await write(seen, undefined, { phase: 'Failed', standing, next: done }, signal);
      return done;
    }
    const node = seen.parsed.value;
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    if (leaving && !hasFinalizer(seen, FINALIZER)) return done;
    if (!leaving && !hasFinalizer(seen, FINALIZER)) {
      await addFinalizer(nodeResource, seen, FINALIZER, { signal });
      // The change comes back through the cache and queues the key.
      return done;
    }
    const belonging = belongingOf(node, cluster);
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    const held = paused || (network?.parsed.ok === true && network.parsed.value.spec.paused);
    if (held) {
      const standing: Standing = {
        kind: 'idle',
        reason: 'Paused',
        message: 'paused: nothing in the cloud is changed',
      };
      await write(seen, undefined, { phase: node.status.phase ?? 'Pending', standing, next: done }, signal);
      return done;
    }
    const failures = backoff.failures(key);
    try {
      const verdict = await pass(key, seen, node, belonging, signal);
      if (verdict === 'gone') return done;
      await write(nodes.get(key) ?? seen, inventoryMachine(seen, node), verdict, signal);
      return verdict.next;
    } catch (error) {
      const trouble = troubleOf(error, failures);
      if (trouble === undefined) throw error;
      await write(seen, undefined, troubled(node, leaving, trouble), signal);
      return again(trouble.retryAfterMs, trouble.reason);
    }
  }

  /** The machine of the Node as the inventory shows it now. */
  function inventoryMachine(seen: Seen<Node>, node: Node): Machine | undefined {
    const record = recordOf(seen);
    if (record === undefined) return undefined;
    for (const region of inventory.regions()) {
      const { machine } = machinesOf(record, node.status.machine?.id, region.launchedBy(record.token));
      if (machine !== undefined) return machine;
    }
    return undefined;
  }

  async function pass(
    key: string,
    seen: Seen<Node>,
    node: Node,
    belonging: Belonging,
    signal: AbortSignal,
  ): Promise<Verdict | 'gone'> {
    const { cloud, region: regionName } = belonging;
    const { credentialRef } = node.spec;
    const { namespace } = seen.metadata;
    const record = recordOf(seen);
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    if (leaving && record === undefined && !launcher.isWaiting(key) && belonging.network !== undefined) {
      // Nothing was ever launched for it, so no cloud needs to be asked.
      return await finish(seen, signal);
    }
    const open = await sessions.open({ credentialRef, namespace, cloud, region: regionName }, signal);
    if (record !== undefined && (record.account !== open.account || record.cluster !== cluster)) {
      const message = `launched in account ${record.account} by cluster ${record.cluster}; the credential now belongs to ${open.account}, and this is ${cluster}: nothing is launched or removed`;
      return {
        phase: node.status.phase ?? 'Pending',
        standing: { kind: 'stalled', reason: 'AccountChanged', message },
        next: done,
      };
    }
    const region = inventory.of(open);
    if (region.readAt === undefined) {
      await region.read(signal);
      if (region.readAt === undefined)
        return waiting(node, 'Progressing', 'the list of machines is not read yet', 2_000);
    }
    const launched = record === undefined ? [] : region.launchedBy(record.token);
    const found = machinesOf(record, node.status.machine?.id, launched);
    const now: Pass = { key, seen, node, belonging, record, region, found, signal };
    await removeSurplus(now);
    return leaving ? await takeDown(now) : await bringUp(now, open);
  }

  // ------------------------------------------------------------------------------------------ bringing up

  async function bringUp(pass: Pass, open: OpenSession): Promise<Verdict> {
    const { key, region, record, found } = pass;
    if (found.machine !== undefined) {
      region.present(key);
      return await follow(pass, found.machine, open);
    }
    if (record === undefined) return await launch(pass, open);
    region.watch(key);
    if (found.ended !== undefined) return await relaunchEnded(pass, found.ended, open);
    const known = pass.node.status.machine?.id;
    const outcome = launcher.outcomeOf(record.token);
    if (known !== undefined && outcome === undefined) return await searchLost(pass, known, open);
    if (outcome === undefined) {
      launcher.settle(record, pass.seen.metadata.namespace, region, { mayCall: true });
      return launching(pass, 'finding out what became of its launch');
    }
    switch (outcome.kind) {
      case 'open':
        return launching(pass, `a machine was asked for in ${record.zone}`);
      case 'refused':
        return await nextAttempt(pass, open, outcome.error);
      case 'answered':
        if (record.index >= outcome.count)
          return await nextAttempt(pass, open, outcome.shortage ?? shortageOf(record));
        return await searchLost(pass, undefined, open);
      case 'unknown': {
        const trouble = troubleOf(outcome.error, outcome.failures - 1);
        const waitMs = Math.max(0, outcome.at + (trouble?.retryAfterMs ?? 2_000) - clock.monotonic());
        if (waitMs > 0) {
          const message = `${describeError(outcome.error)}; the same launch is repeated in ${spell(waitMs)}`;
          return {
            ...launching(pass, message),
            trouble: message,
            next: again(waitMs, 'launch has no answer'),
          };
        }
        launcher.settle(record, pass.seen.metadata.namespace, region, { mayCall: true });
        return launching(pass, 'repeating its launch');
      }
      case 'void':
        await dropRecord(pass);
        return launching(pass, 'its launch was never made; a new one follows');
      case 'lookUp':
        if (lookedUpFor(pass) >= readLagMs) return await nextAttempt(pass, open, undefined);
        return {
          ...launching(pass, 'looking for its machine by launch token'),
          next: again(lookUpAgainMs(pass), 'read lag'),
        };
    }
  }

  /** A machine is there: from booting to Ready, and what befalls it then. */
  async function follow(pass: Pass, machine: Machine, open: OpenSession): Promise<Verdict> {
    const { key, region, belonging, node } = pass;
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
      await fabricOfNode({ node, belonging, open, fabrics, goal: 'wish', signal: pass.signal });
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
      return settled('Ready', readyStanding(machine));
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

  async function launch(pass: Pass, open: OpenSession): Promise<Verdict> {
    const { key, region, belonging, record, node, signal } = pass;
    region.watch(key);
    if (launcher.isWaiting(key)) return pending('waiting for its batch');
    const failure = launcher.takeFailure(key);
    if (failure !== undefined) {
      const trouble = troubleOf(failure, backoff.failures(key));
      if (trouble === undefined) throw failure;
      backoff.fail(key, trouble);
    }
    const held = backoff.of(key);
    if (held !== undefined && held.waitMs > 0) {
      const { trouble, waitMs } = held;
      const message = `${trouble.message}; next try in ${spell(waitMs)}`;
      return {
        phase: trouble.stalled ? 'Failed' : 'Pending',
        standing: { kind: trouble.stalled ? 'stalled' : 'working', reason: trouble.reason, message },
        next: again(waitMs, trouble.reason),
        trouble: message,
      };
    }
    const attachment =
      belonging.network === undefined
        ? (await fabricOfNode({ node, belonging, open, fabrics, goal: 'wish', signal })).attachment
        : fabrics.lastView(belonging.scopeKey)?.attachment;
    if (attachment === undefined)
      return {
        ...pending('waiting for the network and firewall of its placement'),
        next: again(5_000, 'no attachment yet'),
      };
    const attempt = (record?.attempt ?? 0) + 1;
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
      const trouble = troubleOf(error, backoff.failures(key));
      const zones = zonesOf(fabrics.lastView(pass.belonging.scopeKey)?.attachment);
      const elsewhere = error.code === 'outOfCapacity' && backoff.failures(key) + 1 < zones.length;
      if (trouble !== undefined) {
        const next = zoneFor(zones, pass.belonging.index, record.attempt + 1);
        const message =
          next === undefined || error.code !== 'outOfCapacity'
            ? trouble.message
            : `${trouble.message} (in ${record.zone}, next in ${next})`;
        backoff.fail(key, { ...trouble, message, ...(elsewhere && { retryAfterMs: 1_000 }) }, record.token);
        if (backoff.failures(key) === 1) warn(pass, 'LaunchFailed', message);
      }
    }
    if (record?.members !== undefined && membersAreOpen(pass, record)) {
      return {
        ...launching(pass, 'other Nodes of its launch are not settled yet'),
        next: again(1_000, 'members open'),
      };
    }
    return await launch(pass, open);
  }

  /** While another Node of the launch still needs the head's record to find out about its machine, it stays. */
  function membersAreOpen({ key, region }: Pass, record: LaunchRecord): boolean {
    const outcome = launcher.outcomeOf(record.token);
    if (outcome !== undefined && outcome.kind !== 'open' && outcome.kind !== 'unknown') return false;
    const launched = region.launchedBy(record.token);
    return nodes.byIndex('token', record.token).some((other) => {
      if (keyOf(other.metadata) === key) return false;
      const held = recordOf(other);
      const known = other.parsed.ok ? other.parsed.value.status.machine?.id : undefined;
      return known === undefined && !launched.some(({ launch }) => launch?.index === held?.index);
    });
  }

  async function relaunchEnded(pass: Pass, ended: Machine, open: OpenSession): Promise<Verdict> {
    const { key, node, record } = pass;
    const wasReady = node.status.phase === 'Ready' || node.status.phase === 'Unhealthy';
    const what = `machine ${ended.id} ended${stateReason(ended)}`;
    if (record !== undefined && backoff.tokenOf(key) !== record.token) {
      warn(pass, wasReady ? 'MachineLost' : 'LaunchFailed', `${what}; another follows`);
      const failures = backoff.failures(key);
      const waitMs = wasReady ? 0 : Math.min(5_000 * 2 ** Math.min(failures, 10), 600_000);
      backoff.fail(
        key,
        {
          reason: wasReady ? 'MachineLost' : 'LaunchFailed',
          message: what,
          stalled: false,
          retryAfterMs: waitMs,
        },
        record.token,
      );
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
      if (machine !== undefined) {
        region.learn([machine]);
        return { ...keep(node, 'its machine is read by its id'), next: again(1_000, 'learned') };
      }
    }
    warn(pass, 'MachineLost', `machine ${id ?? 'of its launch'} is not there any more; another follows`);
    region.present(key);
    return await nextAttempt(pass, open, undefined);
  }

  async function dropRecord({ seen, signal }: Pass): Promise<void> {
    const { resourceVersion } = seen.metadata;
    const annotations = { [ANNOTATIONS.launch]: null };
    await nodeResource.patch(
      seen.metadata,
      { metadata: { resourceVersion, annotations } },
      { type: 'merge', signal },
    );
  }

  // ------------------------------------------------------------------------------------------ taking down

  async function takeDown(pass: Pass): Promise<Verdict | 'gone'> {
    const { key, seen, node, region, record, found, signal } = pass;
    region.watch(key);
    if (launcher.isWaiting(key))
      return { ...terminating('its launch is being put together'), next: again(500, 'in a batch') };
    const { machine } = found;
    if (machine !== undefined) {
      region.present(key);
      if (policyOf(pass) === 'Orphan') {
        await region.open.session.machines.release([machine.id], signal);
        await region.read(signal);
        if (region.get(machine.id) === undefined) return await finish(seen, signal, pass);
        return {
          ...terminating('waiting for its machine to be listed without our tag'),
          next: again(2_000, 'release'),
        };
      }
      if (machine.state === 'terminating')
        return settled('Terminating', {
          kind: 'working',
          reason: 'Terminating',
          message: `machine ${machine.id} is being terminated`,
        });
      const draining = drains(pass, machine);
      if (draining !== undefined)
        return {
          phase: 'Draining',
          standing: { kind: 'working', reason: 'Draining', message: draining },
          next: again(2_000, 'draining'),
        };
      await remove(region, machine.id);
      return settled('Terminating', {
        kind: 'working',
        reason: 'Terminating',
        message: `machine ${machine.id} is being terminated`,
      });
    }
    if (record === undefined) return await finish(seen, signal, pass);
    if (found.ended !== undefined) return holdsOthers(pass, record) ?? (await finish(seen, signal, pass));
    const known = node.status.machine?.id;
    const outcome = launcher.outcomeOf(record.token);
    if (outcome?.kind === 'refused' || outcome?.kind === 'void') return await finish(seen, signal, pass);
    if (outcome?.kind === 'answered' && record.index >= outcome.count)
      return await finish(seen, signal, pass);
    if (known !== undefined || outcome?.kind === 'answered') return await awaitAbsence(pass, known);
    if (outcome?.kind === 'open')
      return { ...terminating('its launch is under way'), next: again(1_000, 'launch open') };
    if (outcome?.kind === 'lookUp') {
      if (lookedUpFor(pass) < readLagMs)
        return {
          ...terminating('looking for its machine by launch token'),
          next: again(lookUpAgainMs(pass), 'read lag'),
        };
      return holdsOthers(pass, record) ?? (await finish(seen, signal, pass));
    }
    const mayCall = nodes
      .byIndex('token', record.token)
      .some((other) => other.metadata.deletionTimestamp === undefined);
    launcher.settle(record, seen.metadata.namespace, region, { mayCall });
    return { ...terminating('finding out what became of its launch'), next: again(2_000, 'settling') };
  }

  /** The head's record is all that others have to find out about their launch: it stays until they have. */
  function holdsOthers(pass: Pass, record: LaunchRecord): Verdict | undefined {
    if (record.members === undefined || !membersAreOpen(pass, record)) return undefined;
    return {
      ...terminating('other Nodes of its launch are not settled yet'),
      next: again(1_000, 'members open'),
    };
  }

  async function awaitAbsence(pass: Pass, id: string | undefined): Promise<Verdict | 'gone'> {
    const { key, region, seen, signal } = pass;
    if (region.absentForMs(key) >= readLagMs) {
      const machines = id === undefined ? [] : await region.open.session.machines.read([id], signal);
      if (machines.every(({ state }) => state === 'terminated')) return await finish(seen, signal, pass);
      region.learn(machines);
    }
    return {
      ...terminating('its machine is not in the list; waiting until that is certain'),
      next: again(5_000, 'read lag'),
    };
  }

  /** A Network that goes decides for its Nodes; one that is scaled down ends their machines. */
  function policyOf({ belonging, node }: Pass): 'Delete' | 'Orphan' {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    if (network?.metadata.deletionTimestamp === undefined || !network.parsed.ok)
      return node.spec.deletionPolicy;
    return network.parsed.value.spec.deletionPolicy;
  }

  /** Why the machine may not be ended yet; undefined when it may. */
  function drains({ belonging, seen }: Pass, machine: Machine): string | undefined {
    if (belonging.network === undefined) return undefined;
    const network = networks.get(belonging.network);
    if (network === undefined || network.metadata.deletionTimestamp !== undefined || !network.parsed.ok)
      return undefined;
    const { balancer } = network.parsed.value.spec;
    if (balancer === undefined) return undefined;
    const leavingForMs = clock.now() - Date.parse(seen.metadata.deletionTimestamp ?? '');
    if (leavingForMs > balancer.drainSeconds * 1000 + drainMarginMs) return undefined;
    const member = fabrics.lastView(belonging.scopeKey)?.members.get(machine.id);
    if (member === undefined)
      return fabrics.lastView(belonging.scopeKey) === undefined
        ? 'its balancer has not been read yet'
        : undefined;
    return `${member.health} in its balancer; open connections have ${balancer.drainSeconds} s`;
  }

  async function finish(seen: Seen<Node>, signal: AbortSignal, pass?: Pass): Promise<Verdict | 'gone'> {
    if (pass !== undefined && pass.belonging.network === undefined) {
      const { node, belonging, region } = pass;
      const goal = node.spec.deletionPolicy === 'Orphan' ? 'released' : 'nothing';
      const { steps } = await fabricOfNode({ node, belonging, open: region.open, fabrics, goal, signal });
      const [step] = steps;
      if (step !== undefined)
        return {
          ...terminating(`${step.verb} ${step.kind} ${step.name}: ${step.waits ?? 'next'}`),
          next: again(3_000, 'fabric'),
        };
      fabrics.forget(belonging.scopeKey);
    }
    const key = keyOf(seen.metadata);
    pass?.region.unwatch(key);
    await removeFinalizer(nodeResource, nodes.get(key) ?? seen, FINALIZER, { signal });
    logger.info({ node: key }, 'node is gone');
    return 'gone';
  }

  // ------------------------------------------------------------------------------------------- both ways

  async function removeSurplus({ key, region, found, seen }: Pass): Promise<void> {
    for (const machine of found.surplus) {
      await remove(region, machine.id);
      metrics.surplusRemoved.inc({ cloud: region.open.cloud });
      events.event({
        regarding: seen,
        type: 'Warning',
        reason: 'SurplusMachine',
        action: 'Remove',
        note: `removed machine ${machine.id}: ${found.machine?.id} is the machine of this Node`,
      });
      logger.warn({ node: key, machine: machine.id }, 'removed a surplus machine');
    }
  }

  function warn({ seen, key, belonging }: Pass, reason: 'LaunchFailed' | 'MachineLost', note: string): void {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    events.event({
      regarding: network ?? seen,
      type: 'Warning',
      reason,
      action: 'Launch',
      note: `${key}: ${note}`,
    });
    logger.warn({ node: key, reason }, note);
  }

  /** For how long full lists have been read since the launch was put together. */
  function lookedUpFor({ region, record }: Pass): number {
    if (region.readAt === undefined || record === undefined) return 0;
    const readAt = clock.now() - (clock.monotonic() - region.readAt);
    return readAt - Date.parse(record.at);
  }

  function lookUpAgainMs(pass: Pass): number {
    return Math.min(Math.max(readLagMs - lookedUpFor(pass), 500), 5_000);
  }

  async function write(
    seen: Seen<Node>,
    machine: Machine | undefined,
    { phase, standing, trouble }: Verdict,
    signal: AbortSignal,
  ): Promise<void> {
    const before: NodeStatus = seen.parsed.ok ? seen.parsed.value.status : {};
    const { generation } = seen.metadata;
    const conditions = conditionsFor(before.conditions, standing, { generation, now: clock.now() });
    const record = seen.parsed.ok ? recordOf(seen) : undefined;
    const after: NodeStatus = {
      observedGeneration: generation,
      phase,
      conditions,
      ...(machine ? { machine: machineStatus(machine) } : before.machine && { machine: before.machine }),
      ...(record && { attempt: record.attempt }),
      ...(trouble !== undefined && { lastError: trouble }),
    };
    if (isOnlyNews(before, after)) return;
    await writeStatus(nodeResource, seen, { before, after, signal });
  }

  return { reconcile };
}

/**
 * A Node on its way up is written when its machine is known and when it is Ready. In between, what merely reads
 * differently (a message, an address) waits for the next of the two, so that a Node costs few writes.
 */
function isOnlyNews(before: NodeStatus, after: NodeStatus): boolean {
  if (after.phase === 'Pending' || after.phase === 'Launching') {
    return before.phase === undefined
      ? after.lastError === undefined
      : before.phase === after.phase && before.lastError === after.lastError;
  }
  return (
    after.phase === 'Starting' && before.phase === 'Starting' && before.machine?.id === after.machine?.id
  );
}

function machineStatus(machine: Machine): NonNullable<NodeStatus['machine']> {
  const { id, zone, type, privateAddress, publicAddress, createdAt } = machine;
  return {
    id,
    ...(zone !== undefined && { zone }),
    ...(type !== undefined && { type }),
    ...(privateAddress !== undefined && { privateAddress }),
    ...(publicAddress !== undefined && { publicAddress }),
    launchedAt: createdAt,
  };
}

function settled(phase: NodePhase, standing: Standing): Verdict {
  return { phase, standing, next: done };
}

function pending(message: string): Verdict {
  return settled('Pending', { kind: 'working', reason: 'Launching', message });
}

function launching(_: Pass, message: string): Verdict {
  return settled('Launching', { kind: 'working', reason: 'Launching', message });
}

function terminating(message: string): Verdict {
  return settled('Terminating', { kind: 'working', reason: 'Terminating', message });
}

function waiting(node: Node, reason: 'Progressing', message: string, afterMs: number): Verdict {
  return {
    phase: node.status.phase ?? 'Pending',
    standing: { kind: 'working', reason, message },
    next: again(afterMs, message),
  };
}

/** As it stood, with a word on what is looked into. */
function keep(node: Node, message: string): Verdict {
  const phase = node.status.phase ?? 'Launching';
  if (phase === 'Ready') return settled('Unhealthy', { kind: 'working', reason: 'MachineLost', message });
  return settled(phase, { kind: 'working', reason: 'Launching', message });
}

function troubled(node: Node, leaving: boolean, trouble: Trouble): Verdict {
  const message = `${trouble.message}; next try in ${spell(trouble.retryAfterMs)}`;
  const phase = leaving ? 'Terminating' : (node.status.phase ?? 'Pending');
  return {
    phase,
    standing: { kind: trouble.stalled ? 'stalled' : 'working', reason: trouble.reason, message },
    next: again(trouble.retryAfterMs, trouble.reason),
    trouble: message,
  };
}

function zonesOf(attachment: Attachment | undefined): readonly string[] {
  return (attachment?.zones ?? []).map(({ zone }) => zone);
}

function stateReason({ stateReason }: Machine): string {
  return stateReason === undefined ? '' : ` (${stateReason.code}: ${stateReason.message})`;
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
