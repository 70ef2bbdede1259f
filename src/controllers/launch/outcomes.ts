import { ANNOTATIONS } from '../../api/names.ts';
import type { CloudError } from '../../clouds/cloud.ts';
import { toError } from '../../runtime/errors.ts';
import type { Shared } from '../shared.ts';
import { readableRecordOf } from './record.ts';

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

/** Outcomes by launch token. Each is kept as long as some Node carries the token. */
export interface Outcomes {
  of(token: string): LaunchOutcome | undefined;
  set(token: string, outcome: LaunchOutcome): void;
  /** A call with the token begins. */
  called(token: string): void;
  /** Nobody knows what became of the call; `failed` tries before it came to nothing. */
  lose(token: string, error: unknown, failed: number): void;
  /** Its machines are to be looked for. */
  lookUp(token: string): void;
  /** How often in a row it was tried in vain. */
  failures(token: string): number;
  /** It is to be found out anew. */
  drop(token: string): void;
  /**
   * What became of a launch matters to the Nodes that carry its token. Once its head does not, nobody can make the call
   * again, whatever a pass that began before still takes for the Node's launch.
   */
  dropUnlessCarried(token: string): void;
  /** Launches are decided on in this process from now on, if not before. */
  begin(): void;
}

export function createOutcomes({ nodes, clock }: Pick<Shared, 'nodes' | 'clock'>): Outcomes {
  const known = new Map<string, LaunchOutcome>();
  /** When the newest call with a token began (monotonic). */
  const calledAt = new Map<string, number>();
  let beganAt: number | undefined;

  nodes.onChange(({ now, before }) => {
    if (before === undefined) return;
    const annotation = before.metadata.annotations?.[ANNOTATIONS.launch];
    if (annotation === now?.metadata.annotations?.[ANNOTATIONS.launch]) return;
    const record = readableRecordOf(before);
    if (record !== undefined) outcomes.dropUnlessCarried(record.token);
  });

  const outcomes: Outcomes = {
    of: (token) => known.get(token),
    set: (token, outcome) => void known.set(token, outcome),
    called: (token) => void calledAt.set(token, clock.monotonic()),
    lose(token, error, failed) {
      const at = clock.monotonic();
      known.set(token, { kind: 'unknown', error: toError(error), failures: failed + 1, at });
    },
    lookUp(token) {
      // Whoever led before may have made calls until we began.
      outcomes.begin();
      const since = beganAt ?? clock.monotonic();
      known.set(token, { kind: 'lookUp', since: Math.max(since, calledAt.get(token) ?? since) });
    },
    failures(token) {
      const outcome = known.get(token);
      return outcome?.kind === 'unknown' ? outcome.failures : 0;
    },
    drop: (token) => void known.delete(token),
    dropUnlessCarried(token) {
      if (nodes.byIndex('token', token).length > 0) return;
      known.delete(token);
      calledAt.delete(token);
    },
    begin() {
      beganAt ??= clock.monotonic();
    },
  };
  return outcomes;
}
