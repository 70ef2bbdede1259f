import type { Clock } from './clock.ts';
import { describeError } from './errors.ts';
import type { Logger } from './logger.ts';

/** What stands in the Lease. Times are wall-clock milliseconds, for people to read: no decision rests on them. */
export interface LeaseRecord {
  /** Empty: given up. */
  readonly holder: string;
  readonly durationMs: number;
  readonly acquiredAt: number;
  readonly renewedAt: number;
  /** How often it has changed hands. */
  readonly transitions: number;
}

/** Where the Lease is kept. `version` changes with each write, and a write succeeds only over the version it names. */
export interface LeaseStore {
  read(signal: AbortSignal): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined>;
  /** Over `undefined`: makes it. The new version, or undefined when somebody else wrote first. */
  write(record: LeaseRecord, over: string | undefined, signal: AbortSignal): Promise<string | undefined>;
}

/** The gate before every write to a cloud. */
export interface Leadership {
  held(): boolean;
  /** Throws NotLeader. */
  assertHeld(): void;
}

export class NotLeader extends Error {
  override readonly name = 'NotLeader';
}

/** For an operator that runs alone. */
export const soleLeader: Leadership = { held: () => true, assertHeld() {} };

export interface ElectionOptions {
  readonly store: LeaseStore;
  /** Differs for each process, restarts included. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: () => number;
  /** How long others wait after the last renewal they saw. Default 15 s. */
  readonly leaseDurationMs?: number;
  /** Without a renewal for so long, the leader steps down. Default 10 s. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /**
   * `held` ends so long before others may take over: for what has been sent by then and is still on its way, and
   * for clocks that do not run equally fast. Default 3 s.
   */
  readonly marginMs?: number;
  readonly onChange?: (leading: boolean) => void;
}

/**
 * Leader election on a Lease, as in client-go, with two differences. `held` is not a memory of having been elected:
 * it is true only while, by our own monotonic clock, nobody else can have taken over, counted from before the last
 * renewal was sent. So a process that was frozen for a minute knows at once that it does not lead. And losing the
 * Lease is not the end here: work stops, and it stands for election again. Whether the process goes on is not decided
 * here; that of the operator ends with its work.
 */
export class Election implements Leadership {
  readonly #options: Required<Omit<ElectionOptions, 'onChange'>> & Pick<ElectionOptions, 'onChange'>;
  /** The last record seen, and when it was first seen so. */
  #seen: { readonly record: LeaseRecord; readonly version: string; readonly at: number } | undefined;
  /** When the last renewal that succeeded was sent. */
  #renewedAt: number | undefined;

  constructor(options: ElectionOptions) {
    this.#options = {
      random: Math.random,
      leaseDurationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryPeriodMs: 2_000,
      marginMs: 3_000,
      ...options,
    };
    const { leaseDurationMs, renewDeadlineMs, marginMs } = this.#options;
    if (renewDeadlineMs + marginMs > leaseDurationMs)
      throw new Error('a leader must step down before its Lease ends');
  }

  held(): boolean {
    const { clock, leaseDurationMs, marginMs } = this.#options;
    return this.#renewedAt !== undefined && clock.monotonic() < this.#renewedAt + leaseDurationMs - marginMs;
  }

  assertHeld(): void {
    if (!this.held()) throw new NotLeader('the Lease is not ours (any more)');
  }

  /**
   * Until the signal: waits to be elected, then runs `whenLeader`, whose signal is aborted when the Lease is lost or
   * `signal` is aborted. The Lease is renewed until `whenLeader` has ended, and only then given up.
   */
  async run(signal: AbortSignal, whenLeader: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, logger, identity, onChange } = this.#options;
    onChange?.(false);
    while (!signal.aborted) {
      if (!(await this.#tryOnce(signal))) {
        await clock.sleep(this.#pauseMs(), signal).catch(() => {});
        continue;
      }
      logger.info({ identity }, 'became leader');
      onChange?.(true);
      try {
        await this.#lead(signal, whenLeader);
      } finally {
        onChange?.(false);
      }
    }
  }

  async #lead(signal: AbortSignal, whenLeader: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, logger, identity, renewDeadlineMs } = this.#options;
    const work = new AbortController();
    const renewing = new AbortController();
    const stop = () => work.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const renewal = (async () => {
      while (!renewing.signal.aborted) {
        await clock.sleep(this.#pauseMs(), renewing.signal).catch(() => {});
        if (renewing.signal.aborted || (await this.#tryOnce(renewing.signal))) continue;
        const silentMs = clock.monotonic() - (this.#renewedAt ?? Number.NEGATIVE_INFINITY);
        if (this.#takenByOther() || silentMs >= renewDeadlineMs) {
          this.#renewedAt = undefined;
          logger.error({ identity, holder: this.#seen?.record.holder }, 'lost the Lease');
          work.abort(new NotLeader('lost the Lease'));
          return;
        }
      }
    })();
    try {
      await whenLeader(work.signal);
    } finally {
      renewing.abort();
      await renewal;
      signal.removeEventListener('abort', stop);
      await this.#release();
    }
  }

  /** Acquires or renews. False when it is another's, or the call failed. */
  async #tryOnce(signal: AbortSignal): Promise<boolean> {
    const { store, identity, clock, logger, leaseDurationMs, renewDeadlineMs } = this.#options;
    const deadline = new AbortController();
    const abort = () => deadline.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    // A leader has to know in time that it could not renew.
    const leftMs = this.held()
      ? (this.#renewedAt ?? 0) + renewDeadlineMs - clock.monotonic()
      : renewDeadlineMs;
    const cancel = clock.after(Math.min(leftMs, renewDeadlineMs / 2), () => {
      deadline.abort(new Error('the Lease did not answer'));
    });
    try {
      // Whoever leads knows the version and need not read.
      if (!this.held()) await this.#look(deadline.signal);
      if (this.#takenByOther()) return false;
      const seen = this.#seen;
      const mine = seen?.record.holder === identity;
      const now = clock.now();
      const record: LeaseRecord = {
        holder: identity,
        durationMs: leaseDurationMs,
        acquiredAt: mine ? seen.record.acquiredAt : now,
        renewedAt: now,
        transitions: mine ? seen.record.transitions : (seen?.record.transitions ?? -1) + 1,
      };
      const sentAt = clock.monotonic();
      const version = await store.write(record, seen?.version, deadline.signal);
      if (version === undefined) {
        // Somebody wrote first: see who, before anything else is decided.
        await this.#look(deadline.signal);
        return false;
      }
      this.#seen = { record, version, at: clock.monotonic() };
      this.#renewedAt = sentAt;
      return true;
    } catch (error) {
      if (!signal.aborted)
        logger.warn({ identity, error: describeError(error) }, 'could not reach the Lease');
      return false;
    } finally {
      cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const found = await this.#options.store.read(signal);
    if (found === undefined) this.#seen = undefined;
    else if (found.version !== this.#seen?.version)
      this.#seen = { ...found, at: this.#options.clock.monotonic() };
  }

  /** Another holds it, and has been seen to renew within its duration. */
  #takenByOther(): boolean {
    const { identity, clock } = this.#options;
    if (this.#seen === undefined) return false;
    const { record, at } = this.#seen;
    return record.holder !== '' && record.holder !== identity && clock.monotonic() < at + record.durationMs;
  }

  /** Lets the next one take over at once. If it fails, it takes over when the Lease ends. */
  async #release(): Promise<void> {
    const { store, logger, clock, identity, renewDeadlineMs } = this.#options;
    const held = this.held();
    this.#renewedAt = undefined;
    if (!held) return;
    const deadline = new AbortController();
    const cancel = clock.after(renewDeadlineMs / 5, () => deadline.abort());
    try {
      // A renewal that was broken off may have been written: then what we saw is older than what stands there.
      while (this.#seen?.record.holder === identity) {
        const { record, version } = this.#seen;
        const given = { ...record, holder: '', durationMs: 1_000, renewedAt: clock.now() };
        if ((await store.write(given, version, deadline.signal)) !== undefined) return;
        await this.#look(deadline.signal);
      }
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'could not give up the Lease');
    } finally {
      cancel();
    }
  }

  #pauseMs(): number {
    return this.#options.retryPeriodMs * (1 + 0.2 * this.#options.random());
  }
}

/** Runs the work under the election, or at once when there is none. */
export function runWhenLeader(
  election: Election | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return election === undefined ? work(signal) : election.run(signal, work);
}
