import type { Node } from '../../api/node.ts';
import type { Attachment } from '../../clouds/cloud.ts';
import { CLOUDS } from '../../clouds/index.ts';
import { keyOf } from '../../kube/object.ts';
import { asksForPeers } from '../../planning/workload.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import { withDeadline } from '../../runtime/deadline.ts';
import { toError } from '../../runtime/errors.ts';
import { belongingOf } from '../belonging.ts';
import type { RegionInventory } from '../inventory.ts';
import type { Seen } from '../kinds.ts';
import type { Peers } from '../peers.ts';
import type { Remover } from '../remover.ts';
import type { OpenSession } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import { workloadOf } from '../workload.ts';
import { callDeadlineMs, createCall } from './call.ts';
import { type Committed, createCommit } from './commit.ts';
import { createOutcomes, type LaunchOutcome } from './outcomes.ts';
import { isRecordUnreadable, recordOf } from './record.ts';
import { createSettle, type Unsettled } from './settle.ts';

/** The head's record names them all: it has to stay small. A cloud may take fewer. */
const mostMembers = 100;

/** A Node that waits to be launched. */
export interface Ticket {
  readonly key: string;
  /** Only Nodes of the same placement, zone and revision share a launch. */
  readonly batch: string;
  readonly region: RegionInventory;
  /** On whose behalf. */
  readonly open: OpenSession;
  readonly attachment: Attachment;
  readonly zone: string;
  readonly attempt: number;
  /** Token of the record that this attempt replaces. */
  readonly former?: string;
}

/** One that is to get a machine. */
interface Candidate {
  readonly seen: Seen<Node>;
  readonly node: Node;
}

export interface LauncherOptions
  extends Pick<Shared, 'nodes' | 'nodeResource' | 'secrets' | 'cluster' | 'clock' | 'logger' | 'metrics'> {
  readonly remover: Pick<Remover, 'request'>;
  readonly peers: Pick<Peers, 'listsFor'>;
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
  /** Finds out what became of a launch, by repeating the call from the head's record. */
  settle(launch: Unsettled): void;
}

/** Makes machines, exactly one for a Node. The promises it keeps stand in docs/concepts.md, "Exactly one machine". */
export function createLauncher(options: LauncherOptions): Launcher {
  const { nodes, secrets, peers, cluster, clock, newToken, wake } = options;
  const outcomes = createOutcomes(options);
  const commit = createCommit(options);
  const call = createCall(options, outcomes);
  const settleNow = createSettle(options, outcomes, call);
  const settling = new Set<string>();
  const waiting = new Set<string>();
  const failures = new Map<string, Error>();

  nodes.onChange(({ type, key }) => {
    if (type === 'deleted') failures.delete(key);
  });

  const batcher = createBatcher<Ticket, 'taken'>({
    idleMs: 60,
    maxMs: 1_000,
    maxItems: ({ open }) => Math.min(mostMembers, open.session.machines.batchLimit),
    keyOf: ({ batch }) => batch,
    clock,
    run: async (tickets) => {
      await launchBatch(tickets);
      return tickets.map(() => 'taken' as const);
    },
  });

  async function launchBatch(tickets: readonly Ticket[]): Promise<void> {
    const [ticket] = tickets;
    const candidates = tickets.flatMap(candidateOf);
    const [first] = candidates;
    if (ticket === undefined || first === undefined) return;
    const { region, open } = ticket;
    const what = `preparing a launch for node ${ticket.key}`;
    const committed = await withDeadline({ deadlineMs: callDeadlineMs, clock, what }, (signal) =>
      prepare({ tickets, ticket, candidates, first }, signal),
    );
    if (committed !== undefined) await call(committed, { region, open, isRepeat: false });
  }

  /** All up to the commit. Undefined: it did not come to that, and its Nodes are woken. */
  async function prepare(
    {
      tickets,
      ticket: { open, attachment, zone },
      candidates,
      first,
    }: {
      readonly tickets: readonly Ticket[];
      readonly ticket: Ticket;
      readonly candidates: readonly Candidate[];
      readonly first: Candidate;
    },
    signal: AbortSignal,
  ): Promise<Committed | undefined> {
    const { spec } = belongingOf(first.node, cluster);
    const resolved = await open.session.machines.resolve(spec, attachment, zone, signal);
    // What a Secret lacks is better known before anything is written down.
    const lists = asksForPeers(first.node.spec.client)
      ? peers.listsFor(
          first.seen,
          candidates.map(({ seen }) => seen.metadata.name),
        )
      : undefined;
    const { hasUserData } = CLOUDS[open.cloud];
    const told = lists && { peers: lists };
    await workloadOf(first.node, secrets, signal, { hasUserData, ...told });

    const token = newToken();
    const attempts = new Map(tickets.map(({ key, attempt }) => [key, attempt]));
    const batch = {
      token,
      head: first.seen,
      members: candidates.slice(1).map(({ seen }) => seen),
      account: open.account,
      region: open.session.region,
      zone,
      resolved,
      ...told,
      attemptOf: (key: string) => attempts.get(key) ?? 1,
    };
    outcomes.set(token, { kind: 'open' });
    let committed: Committed | undefined;
    try {
      committed = await commit(batch, signal);
    } catch (error) {
      // A write without an answer may have been the commit. The Nodes' own passes find out from the head, and wait until then.
      outcomes.drop(token);
      throw error;
    }
    if (committed !== undefined) return committed;
    // Members carry a token that no head has: their own passes void it.
    outcomes.drop(token);
    for (const { seen } of candidates) wake(keyOf(seen.metadata));
    return undefined;
  }

  /** None when the Node is on its way out, or its record is another than when it asked. */
  function candidateOf({ key, former }: Ticket): readonly Candidate[] {
    const seen = nodes.get(key);
    if (seen === undefined || !seen.parsed.ok || seen.metadata.deletionTimestamp !== undefined) return [];
    if (isRecordUnreadable(seen)) return [];
    return recordOf(seen)?.token === former ? [{ seen, node: seen.parsed.value }] : [];
  }

  return {
    request(ticket) {
      const { key } = ticket;
      outcomes.begin();
      waiting.add(key);
      batcher
        .add(ticket)
        .catch((error: unknown) => {
          if (nodes.get(key) !== undefined) failures.set(key, toError(error));
        })
        .finally(() => {
          waiting.delete(key);
          wake(key);
        });
    },
    isWaiting: (key) => waiting.has(key),
    takeFailure(key) {
      const failure = failures.get(key);
      failures.delete(key);
      return failure;
    },
    outcomeOf: outcomes.of,
    settle(launch) {
      const { token } = launch.record;
      outcomes.begin();
      if (settling.has(token)) return;
      settling.add(token);
      const failed = outcomes.failures(token);
      settleNow(launch)
        .catch((error: unknown) => outcomes.lose(token, error, failed))
        .finally(() => {
          settling.delete(token);
          outcomes.dropUnlessCarried(token);
          for (const { metadata } of nodes.byIndex('token', token)) wake(keyOf(metadata));
        });
    },
  };
}
