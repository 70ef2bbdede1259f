import { beforeEach, describe, expect, test } from 'vitest';
import { CloudError, type GatedCall } from '../clouds/cloud.ts';
import { type Budgets, createBudgets } from '../runtime/budgets.ts';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import { NotLeader } from '../runtime/leader.ts';
import { createMetrics } from '../telemetry.ts';
import { createGate, OperatorPaused } from './gate.ts';

let clock: FakeClock;
let budgets: Budgets<string>;
let leads: boolean;
let sent: number;

beforeEach(() => {
  clock = createFakeClock();
  leads = true;
  sent = 0;
  const limits = { Launch: { burst: 2, perSecond: 1 }, machines: { burst: 10, perSecond: 0.01 } };
  budgets = createBudgets({ limits, clock });
});

const launch: GatedCall = {
  api: 'Launch',
  write: true,
  budgets: [
    { name: 'Launch', units: 1, counts: 'calls' },
    { name: 'machines', units: 5, counts: 'machines' },
  ],
  signal: new AbortController().signal,
};

function gate({ paused = false } = {}) {
  const leadership = {
    held: () => leads,
    assertHeld() {
      if (!leads) throw new NotLeader('not ours');
    },
  };
  return createGate({
    cloud: 'aws',
    budgets: () => budgets,
    leadership,
    paused,
    metrics: createMetrics(),
    clock,
  });
}

async function send(): Promise<string> {
  sent += 1;
  return 'answer';
}

function throttled(): Promise<string> {
  sent += 1;
  const facts = {
    code: 'throttled',
    outcome: 'none',
    api: 'Launch',
    reason: 'RequestLimitExceeded',
    message: 'slow down',
  };
  return Promise.reject(new CloudError({ ...facts, code: 'throttled', outcome: 'none' }));
}

describe('a call to a cloud', () => {
  test('that writes is not sent without the Lease, nor when it was lost while the call waited', async () => {
    leads = false;
    await expect(gate()(launch, send)).rejects.toThrow(NotLeader);
    leads = true;
    await budgets.take('Launch', 2, { flow: '', signal: launch.signal, deadlineMs: 1 });
    const waiting = gate()(launch, send).catch((error: unknown) => error);
    await clock.settle();
    leads = false;
    await clock.advance(2_000);
    expect(await waiting).toBeInstanceOf(NotLeader);
    expect(sent).toBe(0);
  });

  test('that writes is not sent by a paused operator, one that reads is', async () => {
    await expect(gate({ paused: true })(launch, send)).rejects.toThrow(OperatorPaused);
    expect(await gate({ paused: true })({ ...launch, write: false }, send)).toBe('answer');
  });

  test('that was throttled has spent no machines: the next one waits for calls only', async () => {
    await expect(gate()(launch, throttled)).rejects.toThrow('slow down');
    const next = gate()(
      { ...launch, budgets: launch.budgets.map((b) => ({ ...b, units: b.counts === 'calls' ? 1 : 10 })) },
      send,
    );
    await clock.advance(5_000);
    expect(await next).toBe('answer');
  });

  test('that finds no room in time is refused as throttled, certainly not made, and takes nothing', async () => {
    await gate()(launch, send);
    await gate()(launch, send);
    const late = gate()(launch, send).catch((error: unknown) => error);
    await clock.advance(40_000);
    expect(await late).toMatchObject({ code: 'throttled', outcome: 'none', reason: 'BudgetExceeded' });
    expect(sent).toBe(2);
  });

  test('has a minute, and leaves no timer behind when it takes less', async () => {
    expect(await gate()(launch, send)).toBe('answer');
    expect(clock.pending()).toBe(0);
    const slow = gate()(launch, (signal) => {
      const { promise, reject } = Promise.withResolvers<string>();
      signal.addEventListener('abort', () => reject(signal.reason));
      return promise;
    }).catch((error: unknown) => error);
    await clock.advance(60_000);
    expect(await Promise.race([slow, 'still waiting'])).toMatchObject({
      message: 'Launch: deadline of 60 s passed',
    });
    expect(clock.pending()).toBe(0);
  });
});
