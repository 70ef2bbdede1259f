/**
 * One kind of read, kept: rows by id, how old they are, and what we have changed ourselves since. AWS may answer for some
 * time as if a write had not happened, so own writes outlast the reads that do not show them yet.
 */
import { isDeepStrictEqual } from 'node:util';
import { shareFlight } from './flight.ts';
import { isCode } from './refusals.ts';

/** How long a read may lag behind a write. */
const READ_LAG_MS = 5 * 60_000;
/** How soon something that is changing is worth another look. */
const QUICK_MS = 5_000;

export interface Asker {
  readonly signal: AbortSignal;
  readonly flow?: string;
}

export interface Part<Row> {
  rows(): ReadonlyMap<string, Row>;
  /** When the last read began, in milliseconds since the epoch; undefined before the first. */
  readAt(): number | undefined;
  /**
   * Reads again if the rows are older than that. What is changing is read again every five seconds, and ever more
   * slowly as long as nothing comes of it.
   */
  ensure(maxAgeMs: number, asker: Asker): Promise<void>;
  /** Something that we just made. */
  made(id: string, row: Row): void;
  /** Something that was there and that we just changed. */
  changed(id: string, row: Row): void;
  /** Something that we just removed. */
  removed(id: string): void;
  /** Something that was read by itself, between two reads of all. */
  learned(id: string, row: Row): void;
  /** Whether we made it, so recently that AWS may not show it yet. */
  isMade(id: string): boolean;
  /** Whether we removed it, so recently that AWS may still show it. */
  isRemoved(id: string): boolean;
  /** Counts as read now, although nobody asked: it belongs to something that we just made. */
  begun(): void;
  /** The next `ensure` reads, whatever the age. */
  expire(): void;
}

export interface PartOptions<Row> {
  readonly now: () => number;
  readonly read: (asker: Asker) => Promise<Iterable<readonly [string, Row]>>;
  /** Whether a row is about to change by itself. */
  readonly moving?: (row: Row) => boolean;
  /** Whether what the rows belong to was made so recently that AWS may not know of it yet. */
  readonly young?: () => boolean;
}

/** `turn`: its place among writes and reads; two of them may fall into one millisecond. */
type Own<Row> = { readonly turn: number; readonly at: number } & (
  | { readonly made: boolean; readonly row: Row }
  | { readonly removed: true }
);

export function createPart<Row>({
  now,
  read,
  moving = () => false,
  young = () => false,
}: PartOptions<Row>): Part<Row> {
  let rows = new Map<string, Row>();
  let readAt: number | undefined;
  let expired = false;
  /** When a row last became different, by us or by itself. */
  let changedAt = 0;
  /** We wrote, and no read has confirmed it. */
  let unconfirmed = false;
  const own = new Map<string, Own<Row>>();
  let turns = 0;

  const nextTurn = (): number => {
    turns += 1;
    return turns;
  };

  const fly = shareFlight(async (flow: string | undefined, signal: AbortSignal) => {
    const startedAt = now();
    const turn = nextTurn();
    expired = false;
    unconfirmed = false;
    const answer = new Map(
      await read({ signal, ...(flow === undefined ? {} : { flow }) }).catch((thrown: unknown) => {
        if (young() && isCode(thrown, 'notFound')) return rows;
        expired = true;
        throw thrown;
      }),
    );
    for (const [id, write] of own) {
      const later = write.turn > turn;
      const lagging = now() - write.at < READ_LAG_MS;
      if ('removed' in write) {
        if (later || lagging) answer.delete(id);
        else own.delete(id);
      } else if (later || (write.made && lagging && !answer.has(id))) {
        answer.set(id, write.row);
      } else {
        own.delete(id);
      }
    }
    if (!isDeepStrictEqual(answer, rows)) changedAt = now();
    rows = answer;
    readAt = startedAt;
  });

  const isDue = (maxAgeMs: number): boolean => {
    if (readAt === undefined || expired || now() - readAt >= maxAgeMs) return true;
    if (!unconfirmed && !Array.from(rows.values()).some(moving)) return false;
    const quiet = now() - Math.max(readAt, changedAt);
    return quiet >= Math.max(QUICK_MS, (now() - changedAt) / 4);
  };
  const note = (id: string, write: Own<Row>): void => {
    own.set(id, write);
    changedAt = now();
    unconfirmed = true;
    rows = new Map(rows);
    if ('removed' in write) rows.delete(id);
    else rows.set(id, write.row);
  };

  const recent = (id: string): Own<Row> | undefined => {
    const write = own.get(id);
    return write !== undefined && now() - write.at < READ_LAG_MS ? write : undefined;
  };

  return {
    rows: () => rows,
    readAt: () => readAt,
    ensure: async (maxAgeMs, { flow, signal }) => {
      if (isDue(maxAgeMs)) await fly(flow, signal);
    },
    made: (id, row) => note(id, { turn: nextTurn(), at: now(), made: true, row }),
    changed: (id, row) => {
      const before = own.get(id);
      const made = before !== undefined && 'made' in before && before.made;
      note(id, { turn: nextTurn(), at: made ? before.at : now(), made, row });
    },
    removed: (id) => note(id, { turn: nextTurn(), at: now(), removed: true }),
    learned: (id, row) => {
      rows = new Map(rows).set(id, row);
    },
    isMade: (id) => {
      const write = recent(id);
      return write !== undefined && 'made' in write && write.made;
    },
    isRemoved: (id) => {
      const write = recent(id);
      return write !== undefined && 'removed' in write;
    },
    begun: () => {
      readAt = now();
    },
    expire: () => {
      expired = true;
    },
  };
}
