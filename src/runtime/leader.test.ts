import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { Election, type ElectionOptions, type LeaseRecord, type LeaseStore, NotLeader } from './leader.ts';
import { silentLogger } from './logger.ts';

let clock: FakeClock;
let lease: { record: LeaseRecord; version: string } | undefined;
let writes: number;

beforeEach(() => {
  clock = createFakeClock();
  lease = undefined;
  writes = 0;
});

/** A store that several candidates share; `cut` takes one of them off the network, `lag` delays what it sends, `reply` what it is answered. */
function storeFor(link: { cut?: boolean; lagMs?: number; replyMs?: number } = {}): LeaseStore {
  const travel = async (signal: AbortSignal) => {
    if (link.cut) await clock.sleep(Number.MAX_SAFE_INTEGER, signal);
    if (link.lagMs !== undefined) await clock.sleep(link.lagMs, signal);
  };
  return {
    async read(signal) {
      await travel(signal);
      return lease;
    },
    async write(record, over, signal) {
      await travel(signal);
      if (lease?.version !== over) return undefined;
      writes += 1;
      lease = { record, version: `v${writes}` };
      const { version } = lease;
      if (link.replyMs !== undefined) await clock.sleep(link.replyMs, signal);
      return version;
    },
  };
}

function candidate(identity: string, options: Partial<ElectionOptions> = {}) {
  const stop = new AbortController();
  const log: string[] = [];
  const election = new Election({
    ...{ store: storeFor(), identity, clock, logger: silentLogger, random: () => 0 },
    ...options,
  });
  const ended = election.run(stop.signal, async (signal) => {
    log.push('leads');
    await clock.sleep(Number.MAX_SAFE_INTEGER, signal).catch(() => {});
    log.push('stopped');
  });
  return { election, log, ended, stop: () => stop.abort() };
}

describe('leader election', () => {
  test('makes the Lease when there is none and leads at once', async () => {
    const a = candidate('a');
    await clock.settle();
    expect(a.log).toEqual(['leads']);
    expect(a.election.held()).toBe(true);
    expect(lease?.record).toEqual({
      holder: 'a',
      durationMs: 15_000,
      acquiredAt: clock.now(),
      renewedAt: clock.now(),
      transitions: 0,
    });
  });

  test('has one leader among several, and it renews', async () => {
    const a = candidate('a');
    await clock.settle();
    const b = candidate('b');
    await clock.advance(120_000);
    expect([a.election.held(), b.election.held()]).toEqual([true, false]);
    expect(writes).toBe(61);
  });

  test('passes on at once when the leader stops, after its work has ended', async () => {
    const a = candidate('a');
    await clock.settle();
    const b = candidate('b');
    await clock.advance(4_000);
    a.stop();
    await a.ended;
    expect(a.log).toEqual(['leads', 'stopped']);
    expect(a.election.held()).toBe(false);
    await clock.advance(2_000);
    expect(b.log).toEqual(['leads']);
    expect(lease?.record).toMatchObject({ holder: 'b', transitions: 1 });
  });

  test('passes on at once when the leader stops while a renewal of its own is answered', async () => {
    const link: { replyMs?: number } = {};
    const a = candidate('a', { store: storeFor(link) });
    await clock.settle();
    const b = candidate('b');
    link.replyMs = 500;
    await clock.advance(2_100);
    expect(lease?.version).toBe('v2');
    a.stop();
    await clock.advance(4_000);
    expect(b.log).toEqual(['leads']);
  });

  test('never has two who hold it, however the leader loses the network', async () => {
    const link: { cut?: boolean } = {};
    const a = candidate('a', { store: storeFor(link) });
    await clock.settle();
    const b = candidate('b');
    await clock.advance(7_000);
    link.cut = true;
    let gap = 0;
    for (let ms = 0; ms < 40_000; ms += 100) {
      await clock.advance(100);
      expect(a.election.held() && b.election.held()).toBe(false);
      if (!a.election.held() && !b.election.held()) gap += 100;
    }
    expect(b.election.held()).toBe(true);
    expect(a.log).toEqual(['leads', 'stopped']);
    expect(gap).toBeGreaterThanOrEqual(3_000);
  });

  test('knows without asking that it no longer leads after being frozen', async () => {
    const a = candidate('a');
    await clock.settle();
    // A frozen process runs no timers: when it goes on, its clock has jumped and nothing else has happened.
    let jumpMs = 0;
    const frozen = new Election({
      ...{ store: storeFor(), identity: 'a', logger: silentLogger },
      clock: { ...clock, monotonic: () => clock.monotonic() + jumpMs },
    });
    lease = undefined;
    const stop = new AbortController();
    void frozen.run(stop.signal, () => new Promise(() => {}));
    await clock.settle();
    expect(frozen.held()).toBe(true);
    jumpMs = 12_000;
    expect(frozen.held()).toBe(false);
    expect(() => frozen.assertHeld()).toThrow(NotLeader);
    a.stop();
  });

  test('counts what it holds from when the renewal was sent, not from when it was answered', async () => {
    const link: { cut?: boolean; lagMs?: number } = { lagMs: 1_500 };
    const a = candidate('a', { store: storeFor(link), renewDeadlineMs: 12_000 });
    // Read until 1.5 s, written until 3 s: 12 s from 1.5 s on.
    await clock.advance(3_000);
    link.cut = true;
    await clock.advance(10_499);
    expect(a.election.held()).toBe(true);
    await clock.advance(1);
    expect(a.election.held()).toBe(false);
    expect(a.log).toEqual(['leads', 'stopped']);
  });

  test('stops the work before anybody else can begin', async () => {
    const link: { cut?: boolean } = {};
    const a = candidate('a', { store: storeFor(link) });
    await clock.settle();
    link.cut = true;
    await clock.advance(10_000);
    expect(a.log).toEqual(['leads', 'stopped']);
  });

  test('judges another by how long it has not seen it renew, not by the times in the Lease', async () => {
    lease = {
      record: { holder: 'dead', durationMs: 15_000, acquiredAt: 0, renewedAt: 0, transitions: 3 },
      version: 'v0',
    };
    const a = candidate('a');
    await clock.advance(14_000);
    expect(a.election.held()).toBe(false);
    await clock.advance(3_000);
    expect(a.election.held()).toBe(true);
    expect(lease.record.transitions).toBe(4);
  });

  test('stands again after losing the Lease to another', async () => {
    const link: { cut?: boolean } = {};
    const a = candidate('a', { store: storeFor(link) });
    await clock.settle();
    link.cut = true;
    await clock.advance(12_000);
    const b = candidate('b');
    await clock.advance(20_000);
    expect(b.log).toEqual(['leads']);
    link.cut = false;
    await clock.advance(10_000);
    b.stop();
    await b.ended;
    await clock.advance(5_000);
    expect(a.log).toEqual(['leads', 'stopped', 'leads']);
  });

  test('keeps leading through a renewal that fails', async () => {
    const link: { cut?: boolean } = {};
    const a = candidate('a', { store: storeFor(link) });
    await clock.advance(3_000);
    link.cut = true;
    await clock.advance(5_000);
    link.cut = false;
    await clock.advance(30_000);
    expect(a.log).toEqual(['leads']);
    expect(a.election.held()).toBe(true);
  });
});
