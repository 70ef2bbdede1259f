import { ANNOTATIONS, FINALIZER } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { Node } from '../../api/node.ts';
import type { Machine } from '../../clouds/cloud.ts';
import { addFinalizer, hasFinalizer } from '../../kube/finalizer.ts';
import { machinesOf } from '../../planning/machine.ts';
import { done, type Outcome } from '../../runtime/controller.ts';
import { createBackoff, type Held } from '../backoff.ts';
import { belongingOf, scopeKeyOf } from '../belonging.ts';
import { holdOf, pausedStanding } from '../held.ts';
import type { Seen } from '../kinds.ts';
import { isRecordUnreadable, readableRecordOf, recordOf } from '../launch/record.ts';
import type { Standing } from '../status.ts';
import { troubleOf } from '../trouble.ts';
import { createBringUp } from './bring-up.ts';
import type { NodeControllerOptions, Pass } from './pass.ts';
import { writeNodeStatus } from './status.ts';
import { createSurplus } from './surplus.ts';
import { createTakeDown } from './take-down.ts';
import { settled, troubled, type Verdict, waiting } from './verdict.ts';

/** A machine that ends sooner after it was Ready is one more failure in a row: what runs on it may be what ends it. */
const lastingReadyMs = 600_000;

const unreadableRecord = `metadata.annotations[${ANNOTATIONS.launch}]: not what the operator wrote, so nothing is launched or removed; restore it, or remove it once the machine of this Node is gone`;

/** What is known before any cloud is asked. */
type Begun = Omit<Pass, 'record' | 'region' | 'open' | 'found'>;

/** What a pass was asked for. */
interface Wish {
  readonly leaving: boolean;
  readonly asked: string;
}

/** One Node, one machine: from request to gone. */
export function createNodeController(options: NodeControllerOptions) {
  const { nodes, nodeResource, networks, sessions, inventory, fabrics, bursts, launcher } = options;
  const { health, cluster, paused, clock } = options;
  /** Of launches that came to nothing, and of machines that did not last. */
  const launches = createBackoff(clock, { lastingMs: lastingReadyMs });
  /** Of failed machines. */
  const removals = createBackoff(clock);
  /** Of passes that a cloud or a credential put an end to. */
  const troubles = createBackoff(clock);
  const hurried = new Set<string>();
  const wishes = new Map<string, Wish>();
  const bringUp = createBringUp(options, { launches, removals });
  const { takeDown, finish } = createTakeDown(options, troubles);
  const surplus = createSurplus(options);

  async function reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const seen = nodes.get(key);
    if (seen === undefined) {
      for (const memory of [launches, removals, troubles, surplus]) memory.forget(key);
      for (const memory of [wishes, hurried]) memory.delete(key);
      fabrics.forget(scopeKeyOf({ cluster, node: key }));
      health.follow(key, undefined);
      for (const region of inventory.regions()) {
        region.unwatch(key);
        region.present(key);
      }
      return done;
    }
    if (!seen.parsed.ok) return await tellInvalid(seen, seen.parsed.message, signal);
    if (isRecordUnreadable(seen)) return await tellInvalid(seen, unreadableRecord, signal);
    const node = seen.parsed.value;
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    if (leaving && !hasFinalizer(seen, FINALIZER)) return done;
    const belonging = belongingOf(node, cluster);
    if (leaving && bursts.isRunning(belonging.network)) return done;
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    const hold = paused ? 'Paused' : network && holdOf(network);
    if (hold === 'Paused') {
      const standing = pausedStanding(paused ? 'operator' : 'Network', { leaving });
      await writeNodeStatus(
        options,
        seen,
        undefined,
        { phase: node.status.phase ?? 'Pending', standing, next: done },
        signal,
      );
      return done;
    }
    const { anew, isOther } = heed(key, seen, network);
    if (hurried.delete(key) || isOther)
      for (const memory of [launches, removals, troubles, surplus]) memory.hurry(key);
    try {
      const verdict = await pass({ key, seen, node, belonging, hold, anew, signal });
      if (verdict === 'gone' || verdict === 'begun') return done;
      // On its way out each request that is accepted may yet be refused.
      if (!leaving) troubles.forget(key);
      await writeNodeStatus(options, nodes.get(key) ?? seen, inventoryMachine(seen, node), verdict, signal);
      return verdict.next;
    } catch (error) {
      const held = noteTrouble(key, error);
      if (held === undefined) throw error;
      const verdict = troubled(node, leaving, held);
      await writeNodeStatus(options, seen, undefined, verdict, signal);
      return verdict.next;
    }
  }

  async function tellInvalid(seen: Seen<Node>, message: string, signal: AbortSignal): Promise<Outcome> {
    const standing: Standing = { kind: 'stalled', reason: 'Invalid', message };
    await writeNodeStatus(options, seen, undefined, { phase: 'Failed', standing, next: done }, signal);
    return done;
  }

  /** A pass that something else woke before its time, and that meets the same trouble, is no further failure. */
  function noteTrouble(key: string, error: unknown): Held | undefined {
    const trouble = troubleOf(error, troubles.failures(key));
    if (trouble === undefined) return undefined;
    const held = troubles.of(key);
    if (held === undefined || held.waitMs === 0 || held.trouble.message !== trouble.message)
      troubles.fail(key, trouble);
    return troubles.of(key);
  }

  /**
   * `isOther`: something else is wished for than in the last pass. `anew`: the annotation of the Node, or of its Network,
   * asks for a look since then.
   */
  function heed(key: string, seen: Seen<Node>, network: Seen<Network> | undefined) {
    const wish: Wish = {
      leaving: seen.metadata.deletionTimestamp !== undefined,
      asked: [seen, network].map((object) => object?.metadata.annotations?.[ANNOTATIONS.reconcile]).join(),
    };
    const before = wishes.get(key) ?? wish;
    wishes.set(key, wish);
    const anew = before.asked !== wish.asked;
    return { anew, isOther: anew || before.leaving !== wish.leaving };
  }

  /** The machine of the Node as the inventory shows it now. */
  function inventoryMachine(seen: Seen<Node>, node: Node): Machine | undefined {
    const record = readableRecordOf(seen);
    if (record === undefined) return undefined;
    for (const region of inventory.regions()) {
      const { machine } = machinesOf(record, node.status.machine?.id, region.launchedBy(record.token));
      if (machine !== undefined) return machine;
    }
    return undefined;
  }

  async function pass(begun: Begun): Promise<Verdict | 'gone' | 'begun'> {
    const { key, seen, node, belonging, anew, signal } = begun;
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
    if (!hasFinalizer(seen, FINALIZER)) {
      // No sooner: nothing was made for a Node that no cloud lets us in for, so nothing may hold it.
      await addFinalizer(nodeResource, seen, FINALIZER, { signal });
      // The change comes back through the cache and queues the key.
      return 'begun';
    }
    if (record !== undefined && (record.account !== open.account || record.cluster !== cluster)) {
      const message = `launched in account ${record.account} by cluster ${record.cluster}; the credential now belongs to ${open.account}, and this is ${cluster}: nothing is launched or removed`;
      return {
        phase: node.status.phase ?? 'Pending',
        standing: { kind: 'stalled', reason: 'AccountChanged', message },
        next: done,
      };
    }
    const region = inventory.of(open);
    // The Network reads for all of its Nodes.
    if (anew && belonging.network === undefined) await region.read(signal);
    else if (region.readAt === undefined) await region.readIfDue(signal);
    if (region.readAt === undefined) {
      if (region.failure !== undefined) throw region.failure;
      return waiting(node, 'Progressing', 'the list of machines is not read yet', 2_000);
    }
    const launched = record === undefined ? [] : region.launchedBy(record.token);
    const found = machinesOf(record, node.status.machine?.id, launched);
    const now: Pass = { ...begun, record, region, open, found };
    askAfter(now);
    if (begun.hold !== undefined) return await lookOn(now);
    const rest = surplus.remove(now);
    const verdict = leaving ? await takeDown(now) : await bringUp(now);
    return verdict === 'gone' ? verdict : { ...verdict, next: earlier(verdict.next, rest) };
  }

  /** Whoever is on its way out is not asked any more. */
  function askAfter({ key, seen, node, belonging, found: { machine } }: Pass): void {
    const isAsked = machine !== undefined && seen.metadata.deletionTimestamp === undefined;
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    const wish = network?.parsed.ok ? network.parsed.value : undefined;
    health.follow(key, isAsked ? { node, machine, network: wish } : undefined);
  }

  /** The mode of its Network is Plan: a machine that is there is followed, and nothing is changed. */
  async function lookOn(now: Pass): Promise<Verdict> {
    const { node, seen, found } = now;
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    const lives = found.machine !== undefined && found.machine.state !== 'failed';
    if (lives && !leaving) return await bringUp(now);
    const { phase: before = 'Pending' } = node.status;
    const phase = before === 'Ready' && found.machine === undefined ? 'Unhealthy' : before;
    const message = leaving
      ? 'it is deleted, and the mode of its Network is Plan: `mode: Apply` carries that out'
      : 'the mode of its Network is Plan: nothing in the cloud is changed';
    return settled(phase, { kind: 'idle', reason: 'PlanPending', message });
  }

  return {
    reconcile,
    /** Something that stood in the way may be mended: the next pass tries what had to wait. */
    hurry: (key: string) => void hurried.add(key),
  };
}

function earlier(one: Outcome, other: Outcome): Outcome {
  if (one.kind === 'done' || other.kind === 'done') return one.kind === 'done' ? other : one;
  return other.afterMs < one.afterMs ? other : one;
}
