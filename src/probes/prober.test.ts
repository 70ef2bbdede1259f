import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { createFakeClock } from '../runtime/fake-clock.ts';
import type { Answer, Endpoint, Probe } from './probe.ts';
import { createProber, type ProberOptions, type ProbeTarget } from './prober.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const passed: Answer = { outcome: 'passed' };
const failed: Answer = { outcome: 'failed', reason: 'port 1: refused' };
const unreachable: Answer = { outcome: 'unreachable', reason: 'port 1: no route' };

const home: Endpoint = { host: 'home', port: 1 };
const away: Endpoint = { host: 'away', port: 1 };
const target: ProbeTarget = { endpoints: [home], check: { kind: 'tcp' }, intervalSeconds: 10 };

/** A prober whose programs answer as the test says, by host; nobody else's time passes. */
function stage(answers: Record<string, Answer | Promise<Answer>>, more: Partial<ProberOptions> = {}) {
  const clock = createFakeClock();
  const stop = new AbortController();
  ends.push(() => stop.abort());
  const asked: string[] = [];
  const told: string[] = [];
  const probe: Probe = async ({ host }, _, { deadlineMs }) => {
    asked.push(host);
    expect(deadlineMs).toBeLessThanOrEqual(5_000);
    return (await answers[host]) ?? unreachable;
  };
  const prober = createProber({
    clock,
    random: () => 0.5,
    onChange: (key) => told.push(`${key} ${prober.of(key)?.health}`),
    signal: stop.signal,
    probe,
    ...more,
  });
  return { prober, clock, asked, told, answers, stop };
}

describe('one that is watched', () => {
  test('is unknown until it was asked', () => {
    const { prober, clock } = stage({});
    expect(prober.of('a')).toBeUndefined();
    prober.watch('a', target);
    expect(prober.of('a')).toEqual({ health: 'unknown', since: clock.now() });
    expect([...prober.keys()]).toEqual(['a']);
  });

  test('is healthy with its first success', async () => {
    const { prober, clock, told } = stage({ home: passed });
    prober.watch('a', target);
    await clock.advance(500);
    expect(prober.of('a')).toEqual({ health: 'healthy', since: clock.now() });
    expect(told).toEqual(['a healthy']);
  });

  test('stays as somebody else found it last while it cannot be reached, and until it passes', async () => {
    const { prober, clock, answers, told } = stage({});
    const last = { health: 'unhealthy', since: 7 } as const;
    prober.watch('a', target, last);
    expect(prober.of('a')).toEqual(last);
    await clock.advance(120_000);
    expect(prober.of('a')).toEqual({ ...last, reason: 'port 1: no route' });
    expect(told).toEqual([]);
    answers.home = passed;
    await clock.advance(10_000);
    expect(told).toEqual(['a healthy']);
  });

  test('is asked again after its interval, in silence', async () => {
    const { prober, clock, asked, told } = stage({ home: passed });
    prober.watch('a', target);
    await clock.advance(500);
    const first = prober.of('a');
    await clock.advance(60_000);
    expect(asked).toHaveLength(7);
    expect(told).toHaveLength(1);
    expect(prober.of('a')).toEqual(first);
  });

  test('is unhealthy with its third failure in a row, and not before', async () => {
    const { prober, clock, answers, told } = stage({ home: passed });
    prober.watch('a', target);
    await clock.advance(500);
    answers.home = failed;
    await clock.advance(20_000);
    expect(prober.of('a')).toMatchObject({ health: 'healthy' });
    answers.home = passed;
    await clock.advance(10_000);
    answers.home = failed;
    await clock.advance(29_999);
    expect(told).toEqual(['a healthy']);
    await clock.advance(1);
    expect(prober.of('a')).toEqual({ health: 'unhealthy', since: clock.now(), reason: 'port 1: refused' });
    expect(told).toEqual(['a healthy', 'a unhealthy']);
  });

  test('is healthy again with one success, and its reason is gone', async () => {
    const { prober, clock, answers, told } = stage({ home: failed });
    prober.watch('a', target);
    await clock.advance(5_000);
    expect(prober.of('a')).toMatchObject({ health: 'unhealthy' });
    answers.home = passed;
    await clock.advance(10_000);
    expect(prober.of('a')).not.toHaveProperty('reason');
    expect(told).toEqual(['a unhealthy', 'a healthy']);
  });

  test('stays since when it was, however often it is asked', async () => {
    const { prober, clock } = stage({ home: failed });
    prober.watch('a', target);
    await clock.advance(5_000);
    const since = prober.of('a')?.since;
    await clock.advance(60_000);
    expect(prober.of('a')?.since).toBe(since);
  });

  test('is asked soon and then less and less while it is not known', async () => {
    const { prober, clock, asked } = stage({});
    prober.watch('a', target);
    const counts: number[] = [];
    for (const passMs of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      await clock.advance(passMs);
      counts.push(asked.length);
    }
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('what was never reached', () => {
  test('is not unhealthy: there may be no way to it from here', async () => {
    const { prober, clock, told } = stage({ home: unreachable });
    prober.watch('a', target);
    await clock.advance(600_000);
    expect(prober.of('a')).toMatchObject({
      health: 'unknown',
      reason: 'not reachable from the operator: port 1: no route',
    });
    expect(told).toEqual(['a unknown']);
  });

  test('is unhealthy when somebody is there and fails', async () => {
    const { prober, clock, answers } = stage({ home: unreachable });
    prober.watch('a', target);
    await clock.advance(60_000);
    answers.home = failed;
    await clock.advance(40_000);
    expect(prober.of('a')).toMatchObject({ health: 'unhealthy', reason: 'port 1: refused' });
  });

  test('is asked ever more seldom, every five minutes at least, and as usual once it has answered', async () => {
    const { prober, clock, asked, answers } = stage({});
    prober.watch('a', target);
    const askedWithin = async (passMs: number) => {
      const before = asked.length;
      await clock.advance(passMs);
      return asked.length - before;
    };
    await clock.advance(60_000);
    expect(await askedWithin(600_000)).toBeLessThan(15);
    await clock.advance(7_200_000);
    expect(await askedWithin(3_000_000)).toBe(10);
    answers.home = passed;
    await clock.advance(300_000);
    expect(await askedWithin(60_000)).toBe(6);
  });

  test('without an address is unknown', async () => {
    const { prober, clock } = stage({});
    prober.watch('a', { ...target, endpoints: [] });
    await clock.advance(60_000);
    expect(prober.of('a')).toMatchObject({
      health: 'unknown',
      reason: 'not reachable from the operator: it has no address',
    });
  });
});

test('what was reached once is unhealthy when it cannot be reached any more', async () => {
  const { prober, clock, answers } = stage({ home: passed });
  prober.watch('a', target);
  await clock.advance(500);
  answers.home = unreachable;
  await clock.advance(30_000);
  expect(prober.of('a')).toMatchObject({ health: 'unhealthy', reason: 'port 1: no route' });
});

describe('of several endpoints', () => {
  const both = { ...target, endpoints: [home, away] };

  test('the first that passes is kept to', async () => {
    const { prober, clock, asked, answers } = stage({ home: unreachable, away: passed });
    prober.watch('a', both);
    await clock.advance(500);
    expect(prober.of('a')?.health).toBe('healthy');
    answers.home = passed;
    await clock.advance(10_000);
    expect(asked).toEqual(['home', 'away', 'away']);
  });

  test('the next is not asked where the one before it passes at once', async () => {
    const { prober, clock, asked } = stage({ home: passed, away: passed });
    prober.watch('a', both);
    await clock.advance(1_000);
    expect(asked).toEqual(['home']);
  });

  test('the next does not wait until there is no answer from the one before it', async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const { prober, clock, asked } = stage({ home: promise, away: passed });
    prober.watch('a', both);
    await clock.advance(1_000);
    expect(asked).toEqual(['home', 'away']);
    resolve(unreachable);
    await clock.advance(0);
    expect(prober.of('a')?.health).toBe('healthy');
  });

  test('one that answers wrongly says more than one that does not answer', async () => {
    for (const [first, second] of [
      [failed, unreachable],
      [unreachable, failed],
    ] as const) {
      const { prober, clock } = stage({ home: first, away: second });
      prober.watch('a', both);
      await clock.advance(5_000);
      expect(prober.of('a')).toMatchObject({ health: 'unhealthy', reason: 'port 1: refused' });
    }
  });
});

describe('the text in an answer', () => {
  test('is kept, and told when it is another', async () => {
    const { prober, clock, answers, told } = stage({ home: { outcome: 'passed', text: 'x' } });
    prober.watch('a', target);
    await clock.advance(30_000);
    expect(prober.of('a')?.text).toBe('x');
    expect(told).toHaveLength(1);
    answers.home = { outcome: 'passed', text: 'y' };
    await clock.advance(10_000);
    expect(prober.of('a')?.text).toBe('y');
    expect(told).toHaveLength(2);
  });

  test('outlives failures', async () => {
    const { prober, clock, answers } = stage({ home: { outcome: 'passed', text: 'x' } });
    prober.watch('a', target);
    await clock.advance(500);
    answers.home = failed;
    await clock.advance(30_000);
    expect(prober.of('a')).toMatchObject({ health: 'unhealthy', text: 'x' });
  });
});

test('a look that breaks off is a failure of what was looked at, and of nobody else', async () => {
  const { prober, clock } = stage(
    {},
    {
      probe: async ({ host }) => {
        if (host === 'home') throw new RangeError('secret');
        return passed;
      },
    },
  );
  prober.watch('a', target);
  prober.watch('b', { ...target, endpoints: [away] });
  await clock.advance(5_000);
  expect(prober.of('a')).toMatchObject({ health: 'unhealthy', reason: 'it could not be asked: RangeError' });
  expect(prober.of('b')?.health).toBe('healthy');
});

describe('watching', () => {
  test('the same target again changes nothing', async () => {
    const { prober, clock, asked } = stage({ home: passed });
    prober.watch('a', target);
    await clock.advance(500);
    for (let count = 0; count < 5; count += 1) prober.watch('a', { ...target, endpoints: [{ ...home }] });
    await clock.advance(1_000);
    expect(prober.of('a')?.health).toBe('healthy');
    expect(asked).toHaveLength(1);
  });

  test('another target begins anew, and an answer of the former does not count', async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const { prober, clock, asked, told } = stage({ home: promise, away: failed });
    prober.watch('a', target);
    await clock.advance(500);
    prober.watch('a', { ...target, endpoints: [away] });
    await clock.advance(5_000);
    expect(asked).toEqual(['home']);
    resolve(passed);
    await clock.advance(0);
    expect(asked).toEqual(['home', 'away']);
    expect(prober.of('a')?.health).toBe('unknown');
    expect(told).toEqual([]);
  });

  test('nobody any more leaves no timer and asks nothing', async () => {
    const { prober, clock, asked, told } = stage({ home: passed });
    prober.watch('a', target);
    await clock.advance(500);
    prober.unwatch('a');
    expect(prober.of('a')).toBeUndefined();
    expect(clock.pending()).toBe(0);
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(told).toHaveLength(1);
  });

  test('ends with the signal', async () => {
    const { prober, clock, asked, stop } = stage({ home: passed });
    prober.watch('a', target);
    await clock.advance(500);
    stop.abort();
    prober.watch('b', target);
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });
});

describe('many', () => {
  test('are asked a bounded number at a time, and all of them', async () => {
    let underWay = 0;
    let most = 0;
    const seen = new Set<string>();
    const { prober, clock } = stage(
      {},
      {
        concurrency: 4,
        probe: async ({ host }) => {
          underWay += 1;
          most = Math.max(most, underWay);
          await Promise.resolve();
          underWay -= 1;
          seen.add(host);
          return passed;
        },
      },
    );
    for (let n = 0; n < 100; n += 1)
      prober.watch(`k${n}`, { ...target, endpoints: [{ host: `h${n}`, port: 1 }] });
    await clock.advance(500);
    expect(most).toBe(4);
    expect(seen.size).toBe(100);
  });

  test('one that hangs holds up nobody else', async () => {
    const { prober, clock, told } = stage(
      { home: new Promise<Answer>(() => {}), away: passed },
      { concurrency: 2 },
    );
    prober.watch('a', target);
    prober.watch('b', { ...target, endpoints: [away] });
    await clock.advance(30_000);
    expect(told).toEqual(['b healthy']);
  });

  test('a thousand that cannot be reached delay no answer of those that can', async () => {
    const lost = new Set<string>();
    const clock = createFakeClock();
    const { prober, told } = stage(
      {},
      {
        clock,
        onChange: (key) => told.push(`${key} ${clock.monotonic()}`),
        probe: async ({ host }, _, { deadlineMs }) => {
          if (host === 'home') return lost.has(host) ? failed : passed;
          await clock.sleep(deadlineMs);
          return unreachable;
        },
      },
    );
    prober.watch('a', target);
    await clock.advance(1_000);
    for (let n = 0; n < 1_000; n += 1)
      prober.watch(`k${n}`, { ...target, endpoints: [{ host: `h${n}`, port: 1 }, away] });
    await clock.advance(20_000);
    told.splice(0);
    lost.add('home');
    const lostAt = clock.monotonic();
    await clock.advance(30_000);
    const [, at] = told.find((one) => one.startsWith('a '))?.split(' ') ?? [];
    expect(Number(at) - lostAt).toBeLessThanOrEqual(30_000);
    expect(prober.of('a')?.health).toBe('unhealthy');
    // Each has been asked by then, so that one that is watched from now on is asked within a moment.
    lost.delete('home');
    await clock.advance(300_000);
    prober.watch('b', target);
    await clock.advance(1_000);
    expect(prober.of('b')?.health).toBe('healthy');
  });

  test('that begin together are spread over the first second, and do not stay together', async () => {
    const times = new Map<string, number[]>();
    let turn = 0;
    const { prober, clock } = stage(
      {},
      {
        random: () => {
          turn += 1;
          return (turn * 0.618) % 1;
        },
        probe: async ({ host }) => {
          times.set(host, [...(times.get(host) ?? []), clock.monotonic()]);
          return passed;
        },
      },
    );
    for (let n = 0; n < 50; n += 1)
      prober.watch(`k${n}`, { ...target, endpoints: [{ host: `h${n}`, port: 1 }] });
    await clock.advance(30_000);
    const firsts = [...times.values()].map(([first = Number.NaN]) => first);
    const pauses = [...times.values()].map(([first = Number.NaN, second = Number.NaN]) => second - first);
    expect(new Set(firsts).size).toBeGreaterThan(40);
    expect(Math.max(...firsts)).toBeLessThan(1_000);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(9_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(11_000);
    expect(new Set(pauses).size).toBeGreaterThan(40);
  });
});

test('a program that starts, dies and comes back is seen to', async () => {
  const stop = new AbortController();
  ends.push(() => stop.abort());
  const changes: ((health: string | undefined) => void)[] = [];
  const prober = createProber({
    clock: systemClock,
    random: () => 0,
    onChange: (key) => changes.shift()?.(prober.of(key)?.health),
    signal: stop.signal,
  });
  const next = () => new Promise((resolve) => changes.push(resolve));
  const listening = (port: number) =>
    new Promise<{ port: number; close: () => Promise<void> }>((resolve) => {
      const server = createServer((socket) => socket.end());
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') throw new Error('no port');
        const close = () => new Promise<void>((closed) => server.close(() => closed()));
        resolve({ port: address.port, close });
      });
    });

  const first = await listening(0);
  const health = next();
  // Shorter than the API allows, since the clock is the real one.
  prober.watch('a', {
    ...target,
    endpoints: [{ host: '127.0.0.1', port: first.port }],
    intervalSeconds: 0.02,
  });
  expect(await health).toBe('healthy');
  const worse = next();
  await first.close();
  expect(await worse).toBe('unhealthy');
  expect(prober.of('a')?.reason).toBe(`port ${first.port}: the connection was refused`);
  const better = next();
  const second = await listening(first.port);
  ends.push(second.close);
  expect(await better).toBe('healthy');
});
