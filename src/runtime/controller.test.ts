import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { again, type ControllerOptions, done, type Outcome, runController } from './controller.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import type { Logger } from './logger.ts';
import { WorkQueue } from './queue.ts';

let clock: FakeClock;
let queue: WorkQueue;
let stop: AbortController;
let lines: { level: string; fields: Readonly<Record<string, unknown>>; message: string }[];
let running: Promise<void> | undefined;

beforeEach(() => {
  clock = createFakeClock();
  queue = new WorkQueue({ name: 'test', clock, random: () => 1 });
  stop = new AbortController();
  lines = [];
});

afterEach(async () => {
  stop.abort();
  await clock.advance(60_000);
  await running;
});

function start(reconcile: ControllerOptions['reconcile'], options: Partial<ControllerOptions> = {}): void {
  const log =
    (level: string): Logger['info'] =>
    (fields, message) =>
      lines.push({ level, fields, message });
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  running = runController({
    ...{
      name: 'nodes',
      concurrency: 2,
      queue,
      reconcile,
      deadlineMs: 30_000,
      logger,
      clock,
      signal: stop.signal,
    },
    ...options,
  });
}

/** Passes that end when told to. */
function held() {
  const begun: string[] = [];
  const ends = new Map<string, (outcome: Outcome) => void>();
  const reconcile = (key: string, signal: AbortSignal) =>
    new Promise<Outcome>((resolve, reject) => {
      begun.push(key);
      ends.set(key, resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  return { begun, reconcile, end: (key: string) => ends.get(key)?.(done) };
}

describe('a controller', () => {
  test('runs as many passes at once as it may, and never two for a key', async () => {
    const { begun, reconcile, end } = held();
    start(reconcile);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await clock.settle();
    queue.add('a');
    await clock.settle();
    expect(begun).toEqual(['a', 'b']);
    end('b');
    await clock.settle();
    expect(begun).toEqual(['a', 'b', 'c']);
    end('a');
    await clock.settle();
    expect(begun).toEqual(['a', 'b', 'c', 'a']);
  });

  test('looks again after the time that a pass asked for', async () => {
    const at: number[] = [];
    start(async () => {
      at.push(clock.monotonic());
      return at.length < 3 ? again(5_000, 'the machine boots') : done;
    });
    queue.add('a');
    await clock.advance(60_000);
    expect(at).toEqual([0, 5_000, 10_000]);
  });

  test('repeats a pass that throws after its backoff, and logs one line with the whole chain', async () => {
    let passes = 0;
    start(async () => {
      passes += 1;
      throw new Error('launching machine', { cause: new Error('connection refused') });
    });
    queue.add('a');
    await clock.advance(2_999);
    expect(passes).toBe(2);
    expect(lines).toEqual([
      {
        level: 'error',
        fields: {
          controller: 'nodes',
          key: 'a',
          error: 'launching machine: connection refused',
          retryInMs: 1_000,
        },
        message: 'pass failed',
      },
      expect.objectContaining({ fields: expect.objectContaining({ retryInMs: 2_000 }) }),
    ]);
  });

  test('repeats no pass before whoever refused wants to be asked again', async () => {
    const at: number[] = [];
    start(
      async () => {
        at.push(clock.monotonic());
        if (at.length === 1) throw new Error('overloaded');
        return done;
      },
      { askedPauseMs: () => 20_000 },
    );
    queue.add('a');
    await clock.advance(60_000);
    expect(at).toEqual([0, 30_000]);
  });

  test('begins the backoff anew after a pass that went well', async () => {
    const at: number[] = [];
    start(async () => {
      at.push(clock.monotonic());
      if (at.length !== 3) throw new Error('no');
      return again(0, 'once more');
    });
    queue.add('a');
    await clock.advance(4_000);
    expect(at).toEqual([0, 1_000, 3_000, 3_000, 4_000]);
  });

  test('takes a throw before the first promise, and one of no Error, for a failed pass', async () => {
    start((key) => {
      if (key === 'a') throw new Error('at once');
      throw 'a string';
    });
    queue.add('a');
    queue.add('b');
    await clock.settle();
    expect(lines.map((line) => line.fields.error)).toEqual(['at once', 'a string']);
  });

  test('logs a lost race at debug only', async () => {
    start(() => Promise.reject(new Error('conflict')), { isExpected: () => true });
    queue.add('a');
    await clock.settle();
    expect(lines.map((line) => line.level)).toEqual(['debug']);
  });

  test('tells a failure while the key is still held back, and a failure to tell changes nothing', async () => {
    const told: string[] = [];
    let passes = 0;
    start(
      async () => {
        passes += 1;
        throw new Error(`pass ${passes}`);
      },
      {
        onFailure: async (key, error) => {
          queue.add(key);
          told.push(`${key} ${error}`);
          await clock.sleep(500);
          if (passes === 1) throw new Error('nobody listens');
        },
      },
    );
    queue.add('a');
    await clock.advance(400);
    expect(told).toEqual(['a Error: pass 1']);
    await clock.advance(200);
    expect(told).toEqual(['a Error: pass 1', 'a Error: pass 2']);
    expect(lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      'error: pass failed',
      'debug: failure could not be told',
      'error: pass failed',
    ]);
  });

  test('does not tell a lost race', async () => {
    const told: string[] = [];
    start(() => Promise.reject(new Error('conflict')), {
      isExpected: () => true,
      onFailure: async (key) => void told.push(key),
    });
    queue.add('a');
    await clock.settle();
    expect(lines).toHaveLength(1);
    expect(told).toEqual([]);
  });

  test('does not tell of a pass that ended because it had to', async () => {
    const told: string[] = [];
    const { reconcile } = held();
    start(reconcile, { onFailure: async (key) => void told.push(key) });
    queue.add('a');
    await clock.settle();
    stop.abort(new Error('SIGTERM'));
    await clock.advance(5_000);
    await running;
    expect(told).toEqual([]);
  });

  test('aborts a pass at its deadline, and says so', async () => {
    const { reconcile } = held();
    start(reconcile);
    queue.add('a');
    await clock.advance(30_000);
    expect(lines[0]?.fields.error).toBe('nodes a: deadline of 30 s passed');
  });

  test('lets running passes end when it stops, and takes no new ones', async () => {
    const { begun, reconcile, end } = held();
    start(reconcile, { concurrency: 1 });
    queue.add('a');
    queue.add('b');
    await clock.settle();
    stop.abort();
    let stopped = false;
    void running?.then(() => {
      stopped = true;
    });
    await clock.advance(4_000);
    expect(stopped).toBe(false);
    end('a');
    await clock.settle();
    expect(stopped).toBe(true);
    expect(begun).toEqual(['a']);
    expect(lines).toEqual([]);
  });

  test('aborts what still runs after the grace time', async () => {
    const { reconcile } = held();
    start(reconcile);
    queue.add('a');
    await clock.settle();
    stop.abort(new Error('SIGTERM'));
    await clock.advance(5_000);
    await running;
    expect(lines[0]?.fields.error).toBe('SIGTERM');
  });
});
