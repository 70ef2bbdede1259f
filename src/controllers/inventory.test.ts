import { describe, expect, onTestFinished, test } from 'vitest';
import type { CloudSession, Machine, MachineState } from '../clouds/cloud.ts';
import { createFakeClock } from '../runtime/fake-clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../telemetry.ts';
import { createInventory, RegionInventory } from './inventory.ts';
import { countByState } from './known-machines.ts';
import type { OpenSession } from './sessions.ts';

const busyMs = 1_000;
const restMs = 60_000;
const readLagMs = 10_000;

function machine(id: string, state: MachineState, more: Partial<Machine> = {}): Machine {
  const launch = { token: 't', index: 0 };
  return { id, owner: { cluster: 'c' }, launch, state, createdAt: '2030-01-01T00:00:00Z', ...more };
}

const notCarriedOut = () => {
  throw new Error('not in this double');
};

/** A region whose list shows what a test puts there. */
function setUp() {
  const clock = createFakeClock();
  const shown: Machine[] = [];
  const changed: string[] = [];
  let lists = 0;
  let failing = false;
  let during: () => void | Promise<void> = () => {};
  const session: CloudSession = {
    region: 'us-east-1',
    machines: {
      batchLimit: 100,
      list: async () => {
        lists += 1;
        const answer = [...shown];
        await during();
        if (failing) throw new Error('told beforehand');
        return answer;
      },
      read: notCarriedOut,
      pin: notCarriedOut,
      resolve: notCarriedOut,
      launch: notCarriedOut,
      remove: notCarriedOut,
      release: notCarriedOut,
    },
    fabric: { observe: notCarriedOut, plan: () => [], run: notCarriedOut, owners: notCarriedOut },
    verify: notCarriedOut,
    close() {},
  };
  const open: OpenSession = {
    readsLag: true,
    credential: 'ns/cred',
    cloud: 'aws',
    account: '1',
    principal: 'p',
    session,
  };
  const options = {
    clock,
    logger: silentLogger,
    metrics: createMetrics(),
    busyMs,
    restMs,
    readLagMs,
    onChange: ({ id }: Machine) => changed.push(id),
    onRead: () => {},
  };
  const region = new RegionInventory('aws/1/us-east-1', open, options);
  const signal = new AbortController().signal;
  return {
    clock,
    region,
    open,
    options,
    changed,
    signal,
    show: (...machines: Machine[]) => shown.splice(0, shown.length, ...machines),
    fail(now: boolean) {
      failing = now;
    },
    whileListing(run: () => void | Promise<void>) {
      during = run;
    },
    lists: () => lists,
    async readAfter(ms: number) {
      await clock.advance(ms);
      await region.read(signal);
    },
  };
}

test('keeps a machine that a launch answered while lists do not show it yet', async () => {
  const { region, readAfter } = setUp();
  region.learn([machine('m', 'pending')]);
  await readAfter(readLagMs - 1);
  expect(region.launchedBy('t').map(({ id }) => id)).toEqual(['m']);
});

test('believes the list over what a launch answered once the read-lag window is over', async () => {
  const { region, readAfter, changed } = setUp();
  region.learn([machine('m', 'pending')]);
  await readAfter(readLagMs + 1);
  expect(region.get('m')).toBeUndefined();
  expect(region.launchedBy('t')).toEqual([]);
  expect(changed).toEqual(['m', 'm']);
});

test('never takes a state back within the window: a removal that was accepted stays on its way', async () => {
  const { region, readAfter, show } = setUp();
  show(machine('m', 'running'));
  await readAfter(0);
  region.learnRemoved(['m']);
  await readAfter(1_000);
  expect(region.get('m')?.state).toBe('terminating');
  show(machine('m', 'terminated'));
  await readAfter(1_000);
  expect(region.get('m')?.state).toBe('terminated');
});

test('does not take back what a list has shown for an answer that comes later', async () => {
  const { region, readAfter, show } = setUp();
  show(machine('m', 'terminated'));
  await readAfter(0);
  region.learn([machine('m', 'pending')]);
  expect(region.get('m')?.state).toBe('terminated');
});

test('keeps what was learned while a list was being read, however long that took', async () => {
  const { region, readAfter, whileListing, clock } = setUp();
  whileListing(() => {
    region.learn([machine('m', 'pending')]);
    return clock.advance(readLagMs + 1);
  });
  await readAfter(0);
  expect(region.get('m')?.state).toBe('pending');
});

test('forgets a machine that was let go of, however young, unless a list still shows it', async () => {
  const { region, readAfter, show } = setUp();
  region.learn([machine('m', 'running')]);
  region.forget('m');
  expect([region.get('m'), region.launchedBy('t')]).toEqual([undefined, []]);
  await readAfter(0);
  expect(region.get('m')).toBeUndefined();
  show(machine('m', 'running'));
  await readAfter(0);
  expect(region.get('m')?.state).toBe('running');
});

test('accepts what lists show beyond what was learned', async () => {
  const { region, readAfter, show } = setUp();
  region.learn([machine('m', 'pending')]);
  show(machine('m', 'running'));
  await readAfter(1);
  expect(region.get('m')?.state).toBe('running');
});

test('a removal of a machine it does not know teaches nothing', () => {
  const { region } = setUp();
  region.learnRemoved(['m']);
  expect(region.all()).toEqual([]);
});

test('tells of a machine when it is new, looks different or is gone, and of no other', async () => {
  const { readAfter, show, changed } = setUp();
  show(machine('a', 'pending'), machine('b', 'running'));
  await readAfter(0);
  expect(changed.splice(0)).toEqual(['a', 'b']);
  show(machine('a', 'running'), machine('b', 'running'));
  await readAfter(0);
  expect(changed.splice(0)).toEqual(['a']);
  show(machine('a', 'running', { publicAddress: '192.0.2.1' }));
  await readAfter(0);
  expect(changed.splice(0)).toEqual(['a', 'b']);
});

test('a failed list changes nothing and proves no absence', async () => {
  const { region, readAfter, show, fail } = setUp();
  show(machine('m', 'running'));
  await readAfter(0);
  const readAt = region.readAt;
  fail(true);
  show();
  await readAfter(5_000);
  expect(region.get('m')?.state).toBe('running');
  expect(region.readAt).toBe(readAt);
});

test('counts an absence from the first question on, by when lists began', async () => {
  const { region, readAfter } = setUp();
  expect(region.absentForMs('n')).toBe(0);
  await readAfter(4_000);
  expect(region.absentForMs('n')).toBe(4_000);
  region.present('n');
  expect(region.absentForMs('n')).toBe(0);
});

test('a list from before the question proves no absence, however old it is', async () => {
  const { region, clock, readAfter } = setUp();
  await readAfter(0);
  await clock.advance(restMs);
  expect(region.absentForMs('n')).toBe(0);
  await readAfter(1_000);
  expect(region.absentForMs('n')).toBe(1_000);
});

test('reads often while anything is under way, and seldom at rest', async () => {
  const { region, clock, signal, lists } = setUp();
  await region.readIfDue(signal);
  await clock.advance(restMs - 1);
  await region.readIfDue(signal);
  expect(lists()).toBe(1);
  await clock.advance(1);
  await region.readIfDue(signal);
  expect(lists()).toBe(2);
  region.watch('n');
  await clock.advance(busyMs);
  await region.readIfDue(signal);
  await clock.advance(busyMs);
  await region.readIfDue(signal);
  expect(lists()).toBe(4);
  region.unwatch('n');
  await clock.advance(busyMs);
  await region.readIfDue(signal);
  await clock.advance(busyMs);
  await region.readIfDue(signal);
  expect(lists()).toBe(5);
});

test('waits longer with each list that fails, but never longer than at rest', async () => {
  const { region, clock, signal, lists, fail } = setUp();
  fail(true);
  region.watch('n');
  await clock.advance(busyMs);
  await region.readIfDue(signal);
  await clock.advance(2 * busyMs - 1);
  await region.readIfDue(signal);
  expect(lists()).toBe(1);
  await clock.advance(1);
  await region.readIfDue(signal);
  expect(lists()).toBe(2);
  for (let turn = 0; turn < 10; turn += 1) {
    await clock.advance(restMs);
    await region.readIfDue(signal);
  }
  expect(lists()).toBe(12);
});

test('callers at the same time share one list', async () => {
  const { region, signal, lists } = setUp();
  await Promise.all([region.read(signal), region.read(signal)]);
  expect(lists()).toBe(1);
});

describe('credentials of the same account and region', () => {
  test('share one inventory, until the last of them is gone', () => {
    const { open, options } = setUp();
    const inventory = createInventory(options);
    const first = inventory.of(open);
    expect(inventory.of({ ...open, credential: 'ns/other' })).toBe(first);
    expect(inventory.of({ ...open, account: '2' })).not.toBe(first);
    inventory.forget(open.credential);
    expect(inventory.regions()).toEqual([first]);
    inventory.forget('ns/other');
    expect(inventory.regions()).toEqual([]);
  });

  test('list for each other: what one is refused, the next may be allowed', async () => {
    const { open, options, signal, show } = setUp();
    const refused = { ...open.session.machines, list: async () => Promise.reject(new Error('not allowed')) };
    const inventory = createInventory(options);
    const region = inventory.of({
      ...open,
      credential: 'ns/refused',
      session: { ...open.session, machines: refused },
    });
    inventory.of(open);
    show(machine('a', 'running'));
    await region.read(signal);
    expect(region.all()).toEqual([]);
    await region.read(signal);
    expect(region.all().map(({ id }) => id)).toEqual(['a']);
  });
});

test('a region that does not answer holds up no other', async () => {
  const { open, options, clock, signal, lists } = setUp();
  const silent = { ...open.session.machines, list: () => new Promise<never>(() => {}) };
  const inventory = createInventory(options);
  inventory.of({ ...open, account: '2', session: { ...open.session, machines: silent } });
  inventory.of(open);
  const stopping = new AbortController();
  const running = inventory.run(AbortSignal.any([signal, stopping.signal]));
  await clock.advance(300_000);
  expect(lists()).toBeGreaterThan(1);
  stopping.abort();
  await clock.advance(1_000);
  await running;
});

test('counts machines by state over all regions', async () => {
  const { region, readAfter, show } = setUp();
  show(machine('a', 'running'), machine('b', 'running'), machine('c', 'terminated'));
  await readAfter(0);
  expect(Object.fromEntries(countByState([region, region]))).toEqual({
    pending: 0,
    running: 4,
    stopping: 0,
    stopped: 0,
    failed: 0,
    terminating: 0,
    terminated: 2,
  });
});

describe('a cloud that tells of changes', () => {
  const watched = () => {
    const { open, options, clock, signal, lists, changed, show, whileListing } = setUp();
    let tell = () => {};
    let breakOff = (_: Error) => {};
    const watch = (onChange: () => void) =>
      new Promise<void>((_, reject) => {
        tell = onChange;
        breakOff = reject;
      });
    const inventory = createInventory(options);
    inventory.of({ ...open, session: { ...open.session, watch } });
    const stopping = new AbortController();
    onTestFinished(() => stopping.abort());
    void inventory.run(AbortSignal.any([signal, stopping.signal]));
    const told = { tell: () => tell(), breakOff: () => breakOff(new Error('cut')) };
    return { clock, lists, changed, show, whileListing, ...told };
  };

  test('is listed soon after it told of some, once for all that come together', async () => {
    const { clock, lists, changed, show, tell } = watched();
    await clock.advance(1_000);
    expect(lists()).toBe(1);
    show(machine('a', 'running'));
    for (let times = 0; times < 5; times += 1) tell();
    await clock.advance(500);
    expect(lists()).toBe(2);
    expect(changed).toEqual(['a']);
  });

  test('is listed once more when it told of one while a list was being read', async () => {
    const { clock, lists, changed, show, tell, whileListing } = watched();
    await clock.advance(1_000);
    whileListing(() => {
      whileListing(() => {});
      show(machine('a', 'running'));
      tell();
    });
    tell();
    await clock.advance(1_000);
    expect(lists()).toBe(3);
    expect(changed).toEqual(['a']);
  });

  test('is listed after its stream broke off, and told of again', async () => {
    const { clock, lists, breakOff, tell } = watched();
    await clock.advance(1_000);
    breakOff();
    await clock.advance(5_000);
    expect(lists()).toBe(2);
    tell();
    await clock.advance(500);
    expect(lists()).toBe(3);
  });
});

describe('a cloud that tells of changes and is down', () => {
  function down() {
    const { open, options, clock, signal, lists, fail } = setUp();
    const state = { isDown: true, streams: 0 };
    const watch = async () => {
      state.streams += 1;
      if (state.isDown) throw new Error('the engine is down');
      await new Promise(() => {});
    };
    fail(true);
    const inventory = createInventory(options);
    const region = inventory.of({ ...open, session: { ...open.session, watch } });
    region.watch('n');
    const stopping = new AbortController();
    onTestFinished(() => stopping.abort());
    void inventory.run(AbortSignal.any([signal, stopping.signal]));
    const heal = () => {
      state.isDown = false;
      fail(false);
    };
    return { clock, lists, region, state, heal };
  }

  test('is asked ever more seldom', async () => {
    const { clock, lists, state } = down();
    await clock.advance(120_000);
    const before = { lists: lists(), streams: state.streams };
    await clock.advance(600_000);
    expect(lists() - before.lists).toBeLessThanOrEqual(20);
    expect(state.streams - before.streams).toBeLessThanOrEqual(40);
  });

  test('is found well again within half a minute, and asked as often as before', async () => {
    const { clock, lists, region, heal } = down();
    await clock.advance(600_000);
    expect(region.failure).toBeDefined();
    heal();
    await clock.advance(31_000);
    expect(region.failure).toBeUndefined();
    const before = lists();
    await clock.advance(10_000);
    expect(lists() - before).toBeGreaterThanOrEqual(8);
  });
});

test('a stream of changes that ends as soon as it is opened is opened ever more seldom', async () => {
  const { open, options, clock, signal, lists } = setUp();
  const inventory = createInventory(options);
  const watch = async () => {};
  inventory.of({ ...open, session: { ...open.session, watch } });
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  void inventory.run(AbortSignal.any([signal, stopping.signal]));
  await clock.advance(600_000);
  expect(lists()).toBeLessThanOrEqual(60);
});

test('where no list lags, what the next one does not show is gone', async () => {
  const { open, options, signal, clock } = setUp();
  const region = createInventory(options).of({ ...open, readsLag: false });
  region.learn([machine('a', 'pending')]);
  await clock.advance(1);
  await region.read(signal);
  expect(region.all()).toEqual([]);
  expect(region.readLagMs).toBe(0);
});
