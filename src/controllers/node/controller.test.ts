/** One Node, one machine. */
import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { conditionOf, networkSpec, readLagMs, setUp, type Testbed } from '../testbed.ts';

const machines = ({ cloud }: Testbed) =>
  [...cloud.machines.values()].map(({ id, state }) => `${id} ${state}`);

async function ready(): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  expect(await bed.node()).toMatchObject({ status: { phase: 'Ready', machine: { id: 'm-1' } } });
  return bed;
}

test('a Node is written when it is seen, launched and Ready, and no more often', async () => {
  const bed = await setUp();
  bed.startOperator();
  const from = bed.api.calls.length;
  await bed.makeNode();
  await bed.run(30_000);
  const writes = bed.patchesSince(from).filter((call) => call.includes('nodes'));
  // The finalizer, the record, and three statuses.
  expect(writes.length).toBeLessThanOrEqual(5);
  expect(machines(bed)).toEqual(['m-1 running']);
});

test('the state of a machine stands beside the rest, and is no reason to write', async () => {
  const bed = await ready();
  expect((await bed.node()).status.machine?.state).toBe('running');
  bed.cloud.refuse('list', 'unavailable');
  await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  await bed.run(1_000);
  const from = bed.api.calls.length;
  await bed.run(60_000);
  expect(bed.patchesSince(from).filter((call) => call.includes('nodes'))).toEqual([]);
});

describe('a machine', () => {
  test('that somebody ended is replaced at once', async () => {
    const bed = await ready();
    bed.cloud.end('m-1');
    await bed.run(70_000);
    expect(await bed.node()).toMatchObject({
      status: { phase: 'Ready', machine: { id: 'm-2' }, attempt: 2 },
    });
    expect(machines(bed)).toEqual(['m-1 terminated', 'm-2 running']);
  });

  test('that ends soon after each start is replaced ever more slowly', async () => {
    const bed = await ready();
    const startedAt: number[] = [bed.clock.monotonic()];
    for (let second = 0; second < 900; second += 1) {
      for (const { id, state } of bed.cloud.machines.values()) if (state === 'running') bed.cloud.end(id);
      await bed.run(1_000);
      while (startedAt.length < bed.cloud.machines.size) startedAt.push(bed.clock.monotonic());
    }
    const [first = 0, ...pauses] = startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? at));
    expect(first).toBeLessThan(70_000);
    expect(pauses.slice(0, 5).map((pause) => pause >= 10_000)).toEqual([true, true, true, true, true]);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(bed.cloud.machines.size).toBeLessThan(10);
    expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({ reason: 'MachineLost' });
  });

  test('that ends after it has served for long is replaced at once, each time', async () => {
    const bed = await ready();
    for (const id of ['m-1', 'm-2', 'm-3']) {
      await bed.run(700_000);
      bed.cloud.end(id);
      await bed.run(70_000);
      const { status } = await bed.node();
      expect(status).toMatchObject({ phase: 'Ready', machine: { id: `m-${Number(id.slice(2)) + 1}` } });
    }
  });

  test('that somebody stopped waits for that person', async () => {
    const bed = await ready();
    bed.cloud.stop('m-1');
    await bed.run(70_000);
    expect(conditionOf(await bed.node(), 'Stalled')).toMatchObject({
      reason: 'MachineStopped',
      message: 'machine m-1 is stopped: start it, or delete the Node',
    });
    expect(machines(bed)).toEqual(['m-1 stopped']);
  });

  test('whose launch had no answer is the one that the repeated call returns', async () => {
    const bed = await setUp();
    bed.cloud.loseNextLaunch();
    bed.cloud.setLag(true);
    bed.startOperator();
    await bed.makeNode();
    await bed.run(10_000);
    expect(bed.cloud.calledTimes('launch')).toBe(2);
    bed.cloud.setLag(false);
    await bed.run(5_000);
    expect(machines(bed)).toEqual(['m-1 running']);
    expect(await bed.node()).toMatchObject({
      status: { phase: 'Ready', machine: { id: 'm-1' }, attempt: 1 },
    });
  });

  test('that no list shows for as long as a cloud may lag is gone only then, and if a look at it alone says so', async () => {
    const bed = await ready();
    bed.cloud.setLag(true);
    await bed.run(600_000);
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    bed.cloud.setLag(false);
    await bed.run(70_000);
    expect(machines(bed)).toEqual(['m-1 running']);
    expect((await bed.node()).status.phase).toBe('Ready');
  });

  test('outlives the operator that launched it, and stays the only one', async () => {
    const bed = await setUp();
    const stop = bed.startOperator();
    await bed.makeNode();
    await bed.run(1_500);
    stop();
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    await bed.run(10_000);
    bed.startOperator();
    await bed.run(10_000);
    expect(machines(bed)).toEqual(['m-1 running']);
    expect((await bed.node()).status.phase).toBe('Ready');
  });

  test('more than one for a launch: the one in the status stays', async () => {
    const bed = await ready();
    const record = JSON.parse((await bed.node()).metadata.annotations?.[ANNOTATIONS.launch] ?? '{}');
    const owner = { cluster: 'c1', node: 'ns/lone' };
    bed.cloud.plant({ id: 'm-0', owner, launch: { token: record.token, index: 0 } });
    await bed.run(130_000);
    expect(machines(bed)).toEqual(['m-1 running', 'm-0 terminated']);
  });
});

describe('a credential that belongs to another account by now', () => {
  test('has nothing launched or removed', async () => {
    const bed = await ready();
    const from = bed.cloud.calls.length;
    bed.cloud.become('2');
    await bed.changeSecret('of another account');
    await bed.run(60_000);
    expect(conditionOf(await bed.node(), 'Stalled')).toMatchObject({
      reason: 'AccountChanged',
      message: expect.stringContaining('launched in account 1'),
    });
    await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
    await bed.run(2 * readLagMs);
    expect((await bed.node()).metadata.deletionTimestamp).toBeDefined();
    expect(bed.cloud.calls.slice(from).filter((call) => /^(launch|remove|run)/.test(call))).toEqual([]);
  });
});

describe('on its way out', () => {
  test('a Node takes its machine and its firewall along', async () => {
    const bed = await ready();
    await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
    await bed.run(15_000);
    expect((await bed.server.nodes.list()).items).toEqual([]);
    expect(machines(bed)).toEqual(['m-1 terminated']);
    expect([...(bed.cloud.around.get('node ns/lone') ?? [])]).toEqual([]);
  });

  test('says which machine it waits for', async () => {
    const bed = await ready();
    bed.cloud.refuse('list', 'unavailable');
    await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
    await bed.run(15_000);
    expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({
      reason: 'Terminating',
      message: 'machine m-1 is being terminated',
    });
    bed.cloud.refuse('list');
    await bed.run(60_000);
    expect((await bed.server.nodes.list()).items).toEqual([]);
  });

  test('a Node whose launch is in doubt finds out first, and leaves no machine', async () => {
    const bed = await setUp();
    bed.cloud.loseNextLaunch();
    const stop = bed.startOperator();
    await bed.makeNode();
    await bed.run(1_200);
    stop();
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
    bed.startOperator();
    await bed.run(2 * readLagMs + 30_000);
    expect((await bed.server.nodes.list()).items).toEqual([]);
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    expect(machines(bed)).toEqual(['m-1 terminated']);
  });
});

test('a machine that is in no list and unknown by its id is replaced after the read-lag window, not before', async () => {
  const bed = await ready();
  bed.cloud.setLag(true);
  bed.cloud.vanish('m-1');
  await bed.run(readLagMs);
  expect(bed.cloud.calledTimes('launch')).toBe(1);
  bed.cloud.setLag(false);
  await bed.run(150_000);
  expect(machines(bed)).toEqual(['m-2 running']);
});

test('a Node whose launch record cannot be read says so, launches and removes nothing, and holds up no other', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork(networkSpec(2));
  await bed.run(10_000);
  const [spoilt] = await bed.nodes();
  const { name = '' } = spoilt?.metadata ?? {};
  const annotate = (launch: string | undefined) =>
    bed.server.nodes.patch(
      { namespace: 'ns', name },
      { metadata: { annotations: { [ANNOTATIONS.launch]: launch } } },
      { type: 'merge' },
    );
  await annotate('not what the operator writes');
  await bed.changeNetwork({ spec: { replicas: 3 } });
  await bed.run(60_000);
  expect(conditionOf(await bed.node(name), 'Stalled')).toMatchObject({
    reason: 'Invalid',
    message: expect.stringContaining('metadata.annotations[peerage.dev/launch]'),
  });
  expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({ reason: 'NodesStalled' });
  expect(bed.cloud.calledTimes('remove')).toBe(0);
  expect(machines(bed)).toHaveLength(3);
  expect(bed.errors).toEqual([]);
  await annotate(spoilt?.metadata.annotations?.[ANNOTATIONS.launch]);
  await bed.run(60_000);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ status: 'True' });
  expect(machines(bed)).toHaveLength(3);
});
