import type { Machine } from '../clouds/cloud.ts';
import type { CloudName } from '../clouds/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { describeError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../telemetry.ts';
import { createKnownMachines, type KnownMachines } from './known-machines.ts';
import type { OpenSession } from './sessions.ts';

export interface InventoryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Between two lists of a region while something there is under way, and at rest. */
  readonly busyMs: number;
  readonly restMs: number;
  /** How long the cloud may fail to show what it has just made. */
  readonly readLagMs: number;
  /** A machine is new, gone, or looks different. */
  readonly onChange: (machine: Machine) => void;
  /** A list was read to its end. */
  readonly onRead: (region: RegionInventory) => void;
}

/** Changes come in crowds: one list for all that come within this time. */
const hintMs = 100;
/** Until the next stream of changes, ever longer while streams end as soon as they are opened. */
const rewatchMs = 2_000;
const longestRewatchMs = 15_000;
/** A cloud that tells of changes tells nobody that it is back: lists find that out. */
const longestFailingMs = 30_000;

/**
 * All machines of one account and region with our cluster tag, as one list shows them, together with what our own calls
 * answered since: the list of a cloud may lag behind by the read-lag window. Nobody asks the cloud for a single machine.
 */
export class RegionInventory {
  readonly key: string;
  readonly cloud: CloudName;
  /** How long a full list may fail to show what was made before it. */
  readonly readLagMs: number;
  /** By CloudCredential, the one to list with next first. Each of them sees the same machines. */
  readonly #openers = new Map<string, OpenSession>();
  readonly #options: InventoryOptions;
  readonly #openedAt: number;
  readonly #known: KnownMachines;
  readonly #underWay = new Set<string>();
  readonly #absences = new Map<string, number>();
  #readAt: number | undefined;
  #nextAt = 0;
  /** Something changed since the newest reading began: that may have been too early to show it. */
  #hinted = false;
  #failures = 0;
  #failure: unknown;
  #reading: Promise<void> | undefined;

  constructor(key: string, open: OpenSession, options: InventoryOptions) {
    this.key = key;
    this.cloud = open.cloud;
    this.readLagMs = open.readsLag ? options.readLagMs : 0;
    this.#openers.set(open.credential, open);
    this.#options = options;
    this.#known = createKnownMachines({ ...options, readLagMs: this.readLagMs });
    this.#openedAt = options.clock.monotonic();
  }

  /** When the newest full list was begun (monotonic); undefined before the first. */
  get readAt(): number | undefined {
    return this.#readAt;
  }

  /** Of the newest full list; before the first, for how long there has been none. */
  get ageMs(): number {
    return this.#options.clock.monotonic() - (this.#readAt ?? this.#openedAt);
  }

  /** Why the newest list was not read to its end; undefined when it was. */
  get failure(): unknown {
    return this.#failure;
  }

  use(open: OpenSession): void {
    this.#openers.set(open.credential, open);
  }

  /** The CloudCredential is gone. False when it was the last that could list here. */
  drop(credential: string): boolean {
    this.#openers.delete(credential);
    return this.#openers.size > 0;
  }

  all(): readonly Machine[] {
    return this.#known.all();
  }

  get(id: string): Machine | undefined {
    return this.#known.get(id);
  }

  launchedBy(token: string): readonly Machine[] {
    return this.#known.launchedBy(token);
  }

  /** Lists are read often while any key is under way. */
  watch(key: string): void {
    if (this.#underWay.has(key)) return;
    this.#underWay.add(key);
    const soon = this.#options.clock.monotonic() + this.#options.busyMs;
    this.#nextAt = Math.min(this.#nextAt, soon);
  }

  unwatch(key: string): void {
    this.#underWay.delete(key);
  }

  /** Keys that a list without a change concerns too: what they look for is not in it. */
  waiting(): Iterable<string> {
    return this.#absences.keys();
  }

  /**
   * For how long full lists have failed to show what `key` looks for, from the first question on. A list that was begun
   * before it counts for nothing, however old: the machine may be younger.
   */
  absentForMs(key: string): number {
    const since = this.#absences.get(key);
    if (since === undefined) this.#absences.set(key, this.#options.clock.monotonic());
    return since === undefined || this.#readAt === undefined ? 0 : Math.max(0, this.#readAt - since);
  }

  present(key: string): void {
    this.#absences.delete(key);
  }

  /** Takes in what one of our own calls answered. */
  learn(machines: readonly Machine[]): void {
    this.#known.learn(machines);
  }

  /** Our removal was accepted: the machine is on its way out, whatever a lagging list says. */
  learnRemoved(ids: readonly string[]): void {
    this.#known.learnRemoved(ids);
  }

  /**
   * Reads soon after the cloud says that something changed, until the signal. Between two streams, and where a cloud can
   * only be asked, the lists come at their own pace.
   */
  async heed(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const soon = () => {
      this.#hinted = true;
      this.#nextAt = Math.min(this.#nextAt, clock.monotonic() + hintMs);
    };
    let pauseMs = rewatchMs;
    while (!signal.aborted) {
      const [opener] = this.#openers.values();
      if (opener?.session.watch === undefined) return;
      const beganAt = clock.monotonic();
      await opener.session.watch(soon, signal).catch(() => {});
      if (clock.monotonic() - beganAt > longestRewatchMs) pauseMs = rewatchMs;
      await clock.sleep(pauseMs, signal).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, longestRewatchMs);
      // What changed since the stream ended is told by no other. One that cannot be listed has its own pace.
      if (this.#failures === 0) soon();
    }
  }

  /** The machine was let go of: what our own calls answered of it proves nothing any more, only a list does. */
  forget(id: string): void {
    this.#known.forget(id);
  }

  async readIfDue(signal: AbortSignal): Promise<void> {
    if (this.#options.clock.monotonic() >= this.#nextAt) await this.read(signal);
  }

  /** Reads the list anew; callers at the same time share one reading. */
  read(signal: AbortSignal): Promise<void> {
    this.#reading ??= this.#read(signal).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { clock, logger, metrics, busyMs, restMs, onRead } = this.#options;
    const { cloud } = this;
    const startedAt = clock.monotonic();
    this.#hinted = false;
    const [opener] = this.#openers.values();
    if (opener === undefined) return;
    try {
      const listed = await opener.session.machines.list(signal);
      this.#known.merge(listed, startedAt);
      this.#readAt = startedAt;
      this.#failures = 0;
      this.#failure = undefined;
      metrics.inventoryRefreshes.inc({ cloud, result: 'ok' });
      onRead(this);
    } catch (error) {
      if (signal.aborted) return;
      this.#passOn(opener);
      this.#failures += 1;
      this.#failure = error;
      metrics.inventoryRefreshes.inc({ cloud, result: 'error' });
      if (this.#failures === 1)
        logger.warn({ region: this.key, error: describeError(error) }, 'machines could not be listed');
    }
    const pause = this.#underWay.size > 0 || this.#readAt === undefined ? busyMs : restMs;
    const atRestMs = Math.max(restMs, busyMs);
    const isTold = this.#failures > 0 && opener.session.watch !== undefined;
    const longestMs = isTold ? Math.min(longestFailingMs, atRestMs) : atRestMs;
    const nextMs = Math.min(pause * 2 ** Math.min(this.#failures, 6), longestMs);
    this.#nextAt = clock.monotonic() + (this.#hinted && this.#failures === 0 ? hintMs : nextMs);
  }

  /** What one credential was refused, the next may be allowed. */
  #passOn(opener: OpenSession): void {
    if (this.#openers.delete(opener.credential)) this.#openers.set(opener.credential, opener);
  }
}

export function regionKeyOf({
  cloud,
  account,
  region,
}: Readonly<Record<'cloud' | 'account' | 'region', string>>) {
  return `${cloud}/${account}/${region}`;
}

/** All regions in use. */
export interface Inventory {
  /** The region of an opened session; the first call makes it, and the list is read soon after. */
  of(open: OpenSession): RegionInventory;
  regions(): readonly RegionInventory[];
  /** By `regionKeyOf`. Undefined: it has not been opened yet. */
  get(key: string): RegionInventory | undefined;
  /** The CloudCredential is gone; a region that no other was opened for is not listed any more. */
  forget(credential: string): void;
  /** Reads what is due, each region for itself, until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

const tickMs = 200;

export function createInventory(options: InventoryOptions): Inventory {
  const regions = new Map<string, RegionInventory>();
  return {
    of(open) {
      const key = regionKeyOf({ ...open, region: open.session.region });
      let region = regions.get(key);
      if (region === undefined) {
        region = new RegionInventory(key, open, options);
        regions.set(key, region);
      }
      region.use(open);
      return region;
    },
    regions: () => [...regions.values()],
    get: (key) => regions.get(key),
    forget(credential) {
      for (const [key, region] of regions) if (!region.drop(credential)) regions.delete(key);
    },
    async run(signal) {
      const heeded = new WeakSet<RegionInventory>();
      while (!signal.aborted) {
        for (const region of regions.values()) {
          if (heeded.has(region)) continue;
          heeded.add(region);
          void region.heed(signal);
        }
        // Not awaited together: a region that does not answer holds up no other. What a reading meets, the region keeps.
        for (const region of regions.values()) void region.readIfDue(signal);
        await options.clock.sleep(tickMs, signal).catch(() => {});
      }
    },
  };
}
