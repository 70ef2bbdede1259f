import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { silentLogger } from './logger.ts';

let clock: FakeClock;
let signals: EventEmitter;
let lifecycle: Lifecycle;
let stopped: string[];

beforeEach(() => {
  clock = createFakeClock();
  signals = new EventEmitter();
  lifecycle = createLifecycle({ clock, logger: silentLogger, signals });
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
