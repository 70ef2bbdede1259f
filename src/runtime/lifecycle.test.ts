import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { type Logger, silentLogger } from './logger.ts';

let clock: FakeClock;
let signals: EventEmitter;
let lifecycle: Lifecycle;
let stopped: string[];
let errors: string[];

beforeEach(() => {
  clock = createFakeClock();
  signals = new EventEmitter();
  errors = [];
  const logger: Logger = {
    ...silentLogger,
    error: ({ error }, message) => errors.push(`${message}: ${error}`),
  };
  lifecycle = createLifecycle({ clock, logger, signals });
  stopped = [];
});

describe('a lifecycle', () => {
  test('stops in reverse order of starting, each step after the one before', async () => {
    lifecycle.onStop('client', () => void stopped.push('client'));
    lifecycle.onStop('controllers', async () => {
      await clock.sleep(2_000);
      stopped.push('controllers');
    });
    const ended = lifecycle.run();
    signals.emit('SIGTERM');
    expect(lifecycle.signal.aborted).toBe(true);
    await clock.advance(2_000);
    expect(await ended).toBe(true);
    expect(stopped).toEqual(['controllers', 'client']);
  });

  test('ends with its work', async () => {
    void lifecycle.endWith(Promise.resolve());
    expect(await lifecycle.run()).toBe(true);
  });

  test('ends with work that fails, and tells', async () => {
    void lifecycle.endWith(Promise.reject(new Error('no')));
    expect(await lifecycle.run()).toBe(false);
    expect(errors).toEqual(['work failed: no']);
  });

  test('takes what work fails of after it was told to end for its end', async () => {
    signals.emit('SIGTERM');
    await lifecycle.endWith(Promise.reject(new Error('aborted')));
    expect(await lifecycle.run()).toBe(true);
    expect(errors).toEqual([]);
  });

  test('goes on when a step fails, and tells', async () => {
    lifecycle.onStop('client', () => void stopped.push('client'));
    lifecycle.onStop('events', () => Promise.reject(new Error('no')));
    signals.emit('SIGINT');
    expect(await lifecycle.run()).toBe(false);
    expect(stopped).toEqual(['client']);
  });

  test('leaves what takes too long', async () => {
    lifecycle.onStop('stuck', () => new Promise(() => {}));
    lifecycle.end('test');
    const ended = lifecycle.run();
    await clock.advance(9_999);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await clock.settle();
    expect(over).toBe(false);
    await clock.advance(1);
    expect(await ended).toBe(false);
  });

  test('leaves a second signal to the system', async () => {
    lifecycle.onStop('stuck', () => new Promise(() => {}));
    signals.emit('SIGINT');
    void lifecycle.run();
    await clock.settle();
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });
});
