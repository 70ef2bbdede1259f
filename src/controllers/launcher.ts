import { ANNOTATIONS } from '../api/names.ts';
import type { Node } from '../api/node.ts';
import {
  type Attachment,
  CloudError,
  type CloudErrorCode,
  type Json,
  type LaunchRequest,
} from '../clouds/cloud.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { keyOf, type ObjectName } from '../kube/object.ts';
import {
  formatLaunchRecord,
  type LaunchRecord,
  parseLaunchRecord,
  spentAfter,
} from '../planning/launch-record.ts';
import { createBatcher } from '../runtime/batcher.ts';
import { describeError, toError } from '../runtime/errors.ts';
import { inParallel } from '../runtime/parallel.ts';
import { belongingOf } from './belonging.ts';
import type { RegionInventory } from './inventory.ts';
import type { Seen } from './kinds.ts';
import type { Shared } from './shared.ts';
import { workloadOf } from './workload.ts';

/** A Node that waits to be launched. */
export interface Ticket {
  readonly key: string;
  /** Only Nodes of the same placement, zone and revision share a launch. */
  readonly batch: string;
  readonly region: RegionInventory;
  readonly attachment: Attachment;
  readonly zone: string;
  readonly attempt: number;
  /** Token of the record that this attempt replaces. */
  readonly former?: string;
}

/** What is known of a launch in this process; after a restart it is found out anew. */
export type LaunchOutcome =
  /** The call is under way. */
  | { readonly kind: 'open' }
  /** The cloud made `count` machines, with the indexes below it. */
  | { readonly kind: 'answered'; readonly count: number; readonly shortage?: CloudError }
  /** Certainly nothing was made. */
  | { readonly kind: 'refused'; readonly error: CloudError }
  /** The head never carried the token: no call was made, and none will be. */
  | { readonly kind: 'void' }
  /** The call may have happened; it is to be repeated. */
  | { readonly kind: 'unknown'; readonly error: Error; readonly failures: number; readonly at: number }
  /**
   * The call may have happened and cannot be repeated: its machines are looked for by token, for the read-lag window from
   * `since` (monotonic) on. The call cannot have been made later than that.
   */
  | { readonly kind: 'lookUp'; readonly since: number };

export interface LauncherOptions
  extends Pick<
    Shared,
    'nodes' | 'nodeResource' | 'secrets' | 'remover' | 'cluster' | 'clock' | 'logger' | 'metrics'
  > {
  /** A token nobody else makes, at most 64 ASCII characters. */
  readonly newToken: () => string;
  /** Something became known that the Node of this key waits for. */
  readonly wake: (key: string) => void;
  readonly onLaunched: (head: Seen<Node>, count: number, zone: string) => void;
}

export interface Launcher {
  /** Puts the Node into the next batch. Its key is woken when there is something to see. */
  request(ticket: Ticket): void;
  /** Whether the Node is in a batch that has not been committed yet. */
  isWaiting(key: string): boolean;
  /** Why the Node's last batch came to nothing before it was committed; told once. */
  takeFailure(key: string): Error | undefined;
  outcomeOf(token: string): LaunchOutcome | undefined;
  /**
   * Finds out what became of a launch, by repeating the call from the head's record. Without `mayCall` nothing is
   * launched: all its Nodes are being deleted.
   */
  settle(
    record: LaunchRecord,
    namespace: string,
    region: RegionInventory,
    options: { readonly mayCall: boolean },
  ): void;
}

const callDeadlineMs = 120_000;

/** A repeat refused for these was not answered with the machines of an earlier call, so there was none that succeeded. */
const provesNothingMade: ReadonlySet<CloudErrorCode> = new Set(['outOfCapacity', 'quota']);
/** These come before a cloud looks at the request at all; the same launch is repeated, with the same token. */
const provesNothing: ReadonlySet<CloudErrorCode> = new Set(['throttled', 'unavailable', 'unauthorized']);
const recordWriters = 16;

/** Makes machines, exactly one for a Node. The promises it keeps stand in docs/concepts.md, "Exactly one machine". */
export function createLauncher(options: LauncherOptions): Launcher {
  const { nodes, nodeResource, secrets, remover, cluster, clock, newToken, wake, logger, metrics } = options;
  const outcomes = new Map<string, LaunchOutcome>();
  const settling = new Set<string>();
  const waiting = new Set<string>();
  const failures = new Map<string, Error>();
  /** When the newest call with a token began (monotonic). */
  const calledAt = new Map<string, number>();
  let beganAt: number | undefined;

  nodes.onChange(({ key, now, before }) => {
    if (now === undefined) failures.delete(key);
    const annotation = before?.metadata.annotations?.[ANNOTATIONS.launch];
    if (annotation === now?.metadata.annotations?.[ANNOTATIONS.launch]) return;
    const record = before && readableRecordOf(before);
    if (record !== undefined) forgetUnlessCarried(record.token);
  });

  /**
   * What became of a launch matters to the Nodes that carry its token. Once its head does not, nobody can make the call
   * again, whatever a pass that began before still takes for the Node's launch.
   */
  function forgetUnlessCarried(token: string): void {
    if (nodes.byIndex('token', token).length > 0) return;
    outcomes.delete(token);
    calledAt.delete(token);
  }

  /** Whoever led before may have made calls until we began. */
  function lookUp(token: string): LaunchOutcome {
    beganAt ??= clock.monotonic();
    return { kind: 'lookUp', since: Math.max(beganAt, calledAt.get(token) ?? beganAt) };
  }

  const batcher = createBatcher<Ticket, 'taken'>({
    idleMs: 60,
    maxMs: 1_000,
    maxItems: 100,
    keyOf: ({ batch }) => batch,
    clock,
    run: async (tickets) => {
      await launchBatch(tickets);
      return tickets.map(() => 'taken' as const);
    },
  });

  async function launchBatch(tickets: readonly Ticket[]): Promise<void> {
    const [ticket] = tickets;
    if (ticket === undefined) return;
    const signal = AbortSignal.timeout(callDeadlineMs);
    const { region, attachment, zone } = ticket;
    const candidates = tickets.flatMap(({ key, former }) => {
      const seen = nodes.get(key);
      if (seen === undefined || !seen.parsed.ok || seen.metadata.deletionTimestamp !== undefined) return [];
      const held = recordOf(seen);
      return held?.token === former ? [{ seen, node: seen.parsed.value, held }] : [];
    });
    const [first] = candidates;
    if (first === undefined) return;
    const { spec } = belongingOf(first.node, cluster);
    const resolved = await region.open.session.machines.resolve(spec, attachment, zone, signal);
    await workloadOf(first.node, secrets, signal);

    const token = newToken();
    const attempts = new Map(tickets.map(({ key, attempt }) => [key, attempt]));
    const at = new Date(clock.now()).toISOString();
    const head = first.seen;
    const recordFor = (seen: Seen<Node>, index: number): LaunchRecord => {
      // A head of a former launch may now be a member: that it made that call must not be forgotten.
      const spent = spentAfter(recordOf(seen));
      return {
        token,
        index,
        attempt: attempts.get(keyOf(seen.metadata)) ?? 1,
        account: region.open.account,
        cluster,
        region: region.open.session.region,
        zone,
        head: { name: head.metadata.name, uid: head.metadata.uid },
        at,
        ...(spent.length > 0 && { spent }),
      };
    };
    outcomes.set(token, { kind: 'open' });
    const commit = async () => {
      const members = await writeMembers(
        candidates.slice(1).map(({ seen }) => seen),
        recordFor,
        signal,
      );
      const record: LaunchRecord = {
        ...recordFor(head, 0),
        members: [head.metadata.name, ...members],
        resolved,
      };
      return { record, committed: await writeRecord(head, record, signal) };
    };
    const { record, committed } = await commit().catch((error: unknown) => {
      // A write without an answer may have been the commit. The Nodes' own passes find out from the head, and wait until then.
      outcomes.delete(token);
      throw error;
    });
    if (committed === undefined) {
      // Members carry a token that no head has: their own passes void it.
      outcomes.delete(token);
      for (const { seen } of candidates) wake(keyOf(seen.metadata));
      return;
    }
    await call(committed, record, region, { isRepeat: false });
  }

  /** Names of those whose record was written, by index from 1. Who meets a conflict stays out, the last takes its index. */
  async function writeMembers(
    members: readonly Seen<Node>[],
    recordFor: (seen: Seen<Node>, index: number) => LaunchRecord,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const written: (Seen<Node> | undefined)[] = [];
    await inParallel(recordWriters, members, async (seen, position) => {
      written[position] = await writeRecord(seen, recordFor(seen, position + 1), signal);
    });
    for (let position = 0; position < written.length; position += 1) {
      while (written[position] === undefined && position < written.length) {
        const last = written.pop();
        if (last !== undefined)
          written[position] = await writeRecord(last, recordFor(last, position + 1), signal);
      }
    }
    return written.flatMap((seen) => (seen === undefined ? [] : [seen.metadata.name]));
  }

  /** Undefined when the Node has changed since it was read, or is gone. */
  async function writeRecord(
    seen: Seen<Node>,
    record: LaunchRecord,
    signal: AbortSignal,
  ): Promise<Seen<Node> | undefined> {
    const { resourceVersion } = seen.metadata;
    const annotations = { [ANNOTATIONS.launch]: formatLaunchRecord(record) };
    try {
      return await nodeResource.patch(
        seen.metadata,
        { metadata: { resourceVersion, annotations } },
        { type: 'merge', signal },
      );
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Makes the call that the head's record describes. The first time and every further time are the same. */
  async function call(
    head: Seen<Node>,
    record: LaunchRecord,
    region: RegionInventory,
    { isRepeat }: { readonly isRepeat: boolean },
  ): Promise<void> {
    const { token, members = [], zone } = record;
    const before = outcomes.get(token);
    const failed = before?.kind === 'unknown' ? before.failures : 0;
    outcomes.set(token, { kind: 'open' });
    const { cloud, session } = region.open;
    try {
      const signal = AbortSignal.timeout(callDeadlineMs);
      const request = await requestOf(head, record, signal);
      calledAt.set(token, clock.monotonic());
      const answer = await session.machines.launch(request, signal);
      region.learn(answer.machines);
      const { shortage } = answer;
      outcomes.set(
        token,
        answer.spent
          ? lookUp(token)
          : { kind: 'answered', count: answer.machines.length, ...(shortage && { shortage }) },
      );
      metrics.launches.inc({ cloud, outcome: answer.spent ? 'spent' : 'answered' });
      logger.info(
        { launch: token, asked: members.length, made: answer.machines.length, zone },
        'launched machines',
      );
      if (answer.machines.length > 0) options.onLaunched(head, answer.machines.length, zone);
      await removeUnowned(head, record, region);
    } catch (error) {
      const outcome = outcomeOfError(error, { token, isRepeat, failed });
      outcomes.set(token, outcome);
      const isRefused = outcome.kind === 'refused';
      metrics.launches.inc({ cloud, outcome: isRefused ? 'refused' : 'unknown' });
      logger.warn(
        { launch: token, zone, error: describeError(error) },
        isRefused ? 'launch was refused' : 'launch has no answer',
      );
    } finally {
      forgetUnlessCarried(token);
      for (const name of members) wake(keyOf({ namespace: head.metadata.namespace, name }));
    }
  }

  /** A refusal speaks of the call it answers. An earlier call with the same token, whose reply was lost, may have succeeded. */
  function outcomeOfError(
    error: unknown,
    {
      token,
      isRepeat,
      failed,
    }: { readonly token: string; readonly isRepeat: boolean; readonly failed: number },
  ): LaunchOutcome {
    const isCertain = error instanceof CloudError && error.outcome === 'none';
    if (!isCertain || provesNothing.has(error.code))
      return { kind: 'unknown', error: toError(error), failures: failed + 1, at: clock.monotonic() };
    return isRepeat && !provesNothingMade.has(error.code) ? lookUp(token) : { kind: 'refused', error };
  }

  async function requestOf(
    head: Seen<Node>,
    record: LaunchRecord,
    signal: AbortSignal,
  ): Promise<LaunchRequest> {
    if (!head.parsed.ok) throw new Error(`node ${keyOf(head.metadata)}: ${head.parsed.message}`);
    const node = head.parsed.value;
    const { owner, spec } = belongingOf(node, record.cluster);
    const { members = [], token } = record;
    return {
      token,
      owner,
      spec,
      resolved: asJson(record.resolved),
      rows: members.map((name, index) => ({ name, index })),
      workload: await workloadOf(node, secrets, signal),
    };
  }

  /**
   * Removes the machines that nobody will ask for: their Node was forced out of the cluster after the commit, or has gone
   * on to another launch.
   */
  async function removeUnowned(
    head: Seen<Node>,
    record: LaunchRecord,
    region: RegionInventory,
  ): Promise<void> {
    const { namespace } = head.metadata;
    for (const machine of region.launchedBy(record.token)) {
      const index = machine.launch?.index ?? 0;
      const name = record.members?.[index];
      if (name === undefined || machine.state === 'terminated' || machine.state === 'terminating') continue;
      const isAskedFor = (seen: Seen<Node> | undefined) => {
        const held = seen && recordOf(seen);
        return held?.token === record.token && held.index === index;
      };
      if (isAskedFor(nodes.get(keyOf({ namespace, name })))) continue;
      if (isAskedFor(await nodeResource.get({ namespace, name }))) continue;
      remover.request(region, machine.id);
    }
  }

  async function settleNow(
    record: LaunchRecord,
    name: ObjectName,
    region: RegionInventory,
    mayCall: boolean,
  ): Promise<void> {
    const { token } = record;
    const head = await nodeResource.get(name);
    if (head === undefined || head.metadata.uid !== record.head.uid) {
      outcomes.set(token, lookUp(token));
      return;
    }
    const held = recordOf(head);
    if (held?.token === token && held.members !== undefined) {
      if (mayCall) await call(head, held, region, { isRepeat: true });
      else outcomes.set(token, lookUp(token));
      return;
    }
    if (held?.spent?.includes(token)) {
      outcomes.set(token, lookUp(token));
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
  }

  return {
    request(ticket) {
      beganAt ??= clock.monotonic();
      waiting.add(ticket.key);
      batcher
        .add(ticket)
        .catch((error: unknown) => {
          if (nodes.get(ticket.key) !== undefined) failures.set(ticket.key, toError(error));
        })
        .finally(() => {
          waiting.delete(ticket.key);
          wake(ticket.key);
        });
    },
    isWaiting: (key) => waiting.has(key),
    takeFailure(key) {
      const failure = failures.get(key);
      failures.delete(key);
      return failure;
    },
    outcomeOf: (token) => outcomes.get(token),
    settle(record, namespace, region, { mayCall }) {
      const { token } = record;
      beganAt ??= clock.monotonic();
      if (settling.has(token)) return;
      settling.add(token);
      const before = outcomes.get(token);
      settleNow(record, { namespace, name: record.head.name }, region, mayCall)
        .catch((error: unknown) => {
          const failed = before?.kind === 'unknown' ? before.failures : 0;
          outcomes.set(token, {
            kind: 'unknown',
            error: toError(error),
            failures: failed + 1,
            at: clock.monotonic(),
          });
        })
        .finally(() => {
          settling.delete(token);
          forgetUnlessCarried(token);
          for (const { metadata } of nodes.byIndex('token', token)) wake(keyOf(metadata));
        });
    },
  };
}

/** Undefined when the Node has none. Throws when what is there is not what the operator writes. */
export function recordOf({ metadata }: Seen<Node>): LaunchRecord | undefined {
  try {
    return parseLaunchRecord(metadata.annotations?.[ANNOTATIONS.launch]);
  } catch (cause) {
    throw new Error(`annotation ${ANNOTATIONS.launch} of Node ${keyOf(metadata)} cannot be read`, { cause });
  }
}

/** What is not what the operator writes names no launch; the Node's own pass says so. */
export function readableRecordOf(seen: Seen<Node>): LaunchRecord | undefined {
  try {
    return recordOf(seen);
  } catch {
    return undefined;
  }
}

function asJson(value: LaunchRecord['resolved']): Json {
  return value ?? null;
}
