/** Writes down what a batch is about to launch: the members' records first, the head's last, as the commit. */
import { ANNOTATIONS } from '../../api/names.ts';
import type { Node } from '../../api/node.ts';
import type { Json } from '../../clouds/cloud.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { keyOf } from '../../kube/object.ts';
import { formatLaunchRecord, type LaunchRecord, spentAfter } from '../../planning/launch-record.ts';
import type { PeerLists } from '../../planning/peering.ts';
import { inParallel } from '../../runtime/parallel.ts';
import { ordinalOf } from '../belonging.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import { recordOf } from './record.ts';

export interface Batch {
  readonly token: string;
  readonly head: Seen<Node>;
  readonly members: readonly Seen<Node>[];
  readonly account: string;
  readonly region: string;
  readonly zone: string;
  /** What the cloud settled for the call. */
  readonly resolved: Json;
  /** What the machines are told of their peers. */
  readonly peers?: PeerLists;
  /** Of the launch of the Node with this key, 1 for its first. */
  readonly attemptOf: (key: string) => number;
}

/** A batch that may be launched. */
export interface Committed {
  readonly head: Seen<Node>;
  readonly record: LaunchRecord;
}

const recordWriters = 16;

export function createCommit({
  nodeResource,
  cluster,
  clock,
}: Pick<Shared, 'nodeResource' | 'cluster' | 'clock'>) {
  /** Undefined when the head has changed since it was read: no call may be made. Throws when that is not known. */
  async function commit(batch: Batch, signal: AbortSignal): Promise<Committed | undefined> {
    const { head, resolved, peers } = batch;
    const recordFor = recordsOf(batch);
    const members = await writeMembers(batch.members, recordFor, signal);
    const rows = [head, ...members].map((seen) => ({ name: seen.metadata.name, index: ordinalOf(seen) }));
    const record: LaunchRecord = {
      ...recordFor(head, 0),
      members: rows.map(({ name }) => name),
      rows,
      resolved,
      ...(peers && { peers }),
    };
    const written = await writeRecord(head, record, signal);
    return written && { head: written, record };
  }

  function recordsOf({ token, head, account, region, zone, attemptOf }: Batch) {
    const at = new Date(clock.now()).toISOString();
    return (seen: Seen<Node>, index: number): LaunchRecord => {
      // A head of a former launch may now be a member: that it made that call must not be forgotten.
      const spent = spentAfter(recordOf(seen));
      return {
        token,
        index,
        attempt: attemptOf(keyOf(seen.metadata)),
        account,
        cluster,
        region,
        zone,
        head: { name: head.metadata.name, uid: head.metadata.uid },
        at,
        ...(spent.length > 0 && { spent }),
      };
    };
  }

  /** Those whose record was written, by index from 1. Who meets a conflict stays out, the last takes its index. */
  async function writeMembers(
    members: readonly Seen<Node>[],
    recordFor: (seen: Seen<Node>, index: number) => LaunchRecord,
    signal: AbortSignal,
  ): Promise<readonly Seen<Node>[]> {
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
    return written.filter((seen) => seen !== undefined);
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

  return commit;
}
