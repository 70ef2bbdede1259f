/** What becomes of nodes that are well, unwell, or out of sight. */
import { describe, expect, test } from 'vitest';
import type { Answer } from '../probes/probe.ts';
import { balancer, conditionOf, credentialRef, place, setUp, type Testbed } from './testbed.ts';

const health = { tcp: { port: 'rpc' }, intervalSeconds: 10 };
const client = { image: 'example.com/client:1', ports: [{ name: 'rpc', port: 8545 }], health };
const networkOf = (replicas: number, spec: object = {}) => ({
  client,
  placements: [{ name: 'here', replicas, credentialRef, aws: place }],
  ...spec,
});
const refused = { outcome: 'failed', reason: 'port 8545: the connection was refused' } as const;
const absent = { outcome: 'unreachable', reason: 'port 8545: no connection within 5 s' } as const;

/** `m-1` and so on answer this from now on. */
function answer({ answers }: Testbed, id: string, with_: Answer | undefined): void {
  for (const net of ['203.0.113', '10.0.0']) {
    const host = `${net}.${id.slice(2)}`;
    if (with_ === undefined) answers.delete(host);
    else answers.set(host, with_);
  }
}

async function ready(replicas: number, spec: object = {}): Promise<Testbed> {
  const bed = await setUp({ zones: ['z1'] });
  bed.startOperator();
  await bed.makeNetwork(networkOf(replicas, spec));
  await bed.run(20_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  return bed;
}

async function nodeWith(bed: Testbed, id: string) {
  const node = (await bed.nodes()).find(({ status }) => status.machine?.id === id);
  if (node === undefined) throw new Error(`no Node has ${id}`);
  return node;
}
const phases = async (bed: Testbed) => (await bed.nodes()).map(({ status }) => status.phase).toSorted();
const members = ({ cloud }: Testbed) => cloud.membersOf('network ns/net/here');

describe('a machine that runs', () => {
  test('is Ready with the first good answer, and says what it lacks when that is long in coming', async () => {
    const bed = await setUp({ zones: ['z1'] });
    answer(bed, 'm-1', refused);
    bed.startOperator();
    await bed.makeNetwork(networkOf(1));
    await bed.run(90_000);
    const node = await nodeWith(bed, 'm-1');
    expect(node.status.phase).toBe('Starting');
    expect(conditionOf(node, 'Ready')?.message).toBe(
      'machine m-1 runs; port 8545: the connection was refused',
    );
    answer(bed, 'm-1', undefined);
    await bed.run(15_000);
    expect(await phases(bed)).toEqual(['Ready']);
  });

  test('that the operator cannot reach is Ready after a minute, and says so', async () => {
    const bed = await setUp({ zones: ['z1'] });
    answer(bed, 'm-1', absent);
    bed.startOperator();
    await bed.makeNetwork(networkOf(1));
    await bed.run(50_000);
    expect(await phases(bed)).toEqual(['Starting']);
    await bed.run(20_000);
    expect(conditionOf(await nodeWith(bed, 'm-1'), 'Ready')).toMatchObject({
      status: 'True',
      message: 'machine m-1 runs; not reachable from the operator: port 8545: no connection within 5 s',
    });
  });

  test('that does not get well is unhealthy ten minutes after it was made', async () => {
    const bed = await setUp({ zones: ['z1'] });
    answer(bed, 'm-1', refused);
    bed.startOperator();
    await bed.makeNetwork(networkOf(1));
    await bed.run(590_000);
    expect(await phases(bed)).toEqual(['Starting']);
    await bed.run(30_000);
    expect(await phases(bed)).toEqual(['Unhealthy']);
  });

  test('is asked where it is reached from outside first, and not once its Node is deleted', async () => {
    const bed = await ready(1);
    expect(new Set(bed.asked)).toEqual(new Set(['tcp 203.0.113.1:8545']));
    bed.cloud.refuse('remove', 'unavailable');
    const { metadata } = await nodeWith(bed, 'm-1');
    await bed.server.nodes.delete(metadata);
    await bed.run(5_000);
    const asked = bed.asked.length;
    await bed.run(60_000);
    expect(bed.asked.slice(asked).filter((one) => one === 'tcp 203.0.113.1:8545')).toEqual([]);
  });
});

describe('a Network', () => {
  const said = async (bed: Testbed) => conditionOf(await bed.network(), 'Ready')?.message;

  test('says what those say that start for longer than a minute', async () => {
    const bed = await setUp({ zones: ['z1'] });
    answer(bed, 'm-1', refused);
    bed.startOperator();
    await bed.makeNetwork(networkOf(1));
    await bed.run(50_000);
    expect(await said(bed)).toBe('0 of 1 Node is Ready');
    await bed.run(40_000);
    const { metadata } = await nodeWith(bed, 'm-1');
    expect(await said(bed)).toBe(
      `0 of 1 Node is Ready; ${metadata.name}: runs; port 8545: the connection was refused`,
    );
    answer(bed, 'm-1', undefined);
    await bed.run(15_000);
    expect(await said(bed)).toBe('1 of 1 Node is Ready');
  });

  test('says what most of the unhealthy say', async () => {
    const bed = await ready(4);
    answer(bed, 'm-1', { ...refused, reason: 'status 500' });
    for (const id of ['m-2', 'm-3']) answer(bed, id, refused);
    await bed.run(60_000);
    expect(await said(bed)).toMatch(
      /^1 of 4 Nodes are Ready; net-here-\w+: runs; port 8545: the connection was refused$/,
    );
  });
});

describe('a Node', () => {
  test('is Unhealthy after three failures, in the words of the check, and Ready again after one success', async () => {
    const bed = await ready(1);
    answer(bed, 'm-1', refused);
    await bed.run(12_000);
    expect(await phases(bed)).toEqual(['Ready']);
    await bed.run(25_000);
    const node = await nodeWith(bed, 'm-1');
    expect(node.status.phase).toBe('Unhealthy');
    expect(conditionOf(node, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'HealthCheckFailed',
      message: 'machine m-1 runs; port 8545: the connection was refused',
    });
    answer(bed, 'm-1', undefined);
    await bed.run(15_000);
    expect(await phases(bed)).toEqual(['Ready']);
    expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  });

  test('stays what it was while an operator that has just started knows nothing', async () => {
    const bed = await setUp({ zones: ['z1'] });
    const stop = bed.startOperator();
    await bed.makeNetwork(networkOf(2));
    await bed.run(20_000);
    answer(bed, 'm-2', refused);
    await bed.run(40_000);
    expect(await phases(bed)).toEqual(['Ready', 'Unhealthy']);
    stop();
    answer(bed, 'm-1', absent);
    const from = bed.api.calls.length;
    bed.startOperator();
    await bed.run(40_000);
    expect(await phases(bed)).toEqual(['Ready', 'Unhealthy']);
    expect(bed.patchesSince(from)).toEqual([]);
  });

  describe('that was Unhealthy when the operator began anew', () => {
    /** Of two, m-2 is found unhealthy; then another operator takes over. */
    async function restarted(spec: object = {}, then: typeof absent | 'well' = absent) {
      const bed = await setUp({ zones: ['z1'] });
      const stop = bed.startOperator();
      await bed.makeNetwork(networkOf(2, spec));
      await bed.run(20_000);
      answer(bed, 'm-2', refused);
      await bed.run(40_000);
      expect(await phases(bed)).toEqual(['Ready', 'Unhealthy']);
      stop();
      answer(bed, 'm-2', then === 'well' ? undefined : then);
      const from = bed.api.calls.length;
      bed.startOperator();
      return { bed, from };
    }

    test('stays so while nobody can reach it, in the same words', async () => {
      const { bed, from } = await restarted();
      await bed.run(8_000);
      expect(bed.patchesSince(from)).toEqual([]);
      await bed.run(600_000);
      expect(await phases(bed)).toEqual(['Ready', 'Unhealthy']);
    });

    test('is Ready as soon as it answers well', async () => {
      const { bed } = await restarted({}, 'well');
      await bed.run(5_000);
      expect(await phases(bed)).toEqual(['Ready', 'Ready']);
    });

    test('is not put back into its balancer before that, which would take it for healthy', async () => {
      const { bed } = await restarted({ balancer });
      expect(members(bed)).toEqual(['m-1']);
      for (let second = 0; second < 120; second += 1) {
        await bed.run(1_000);
        expect(members(bed)).toEqual(['m-1']);
      }
      expect(await phases(bed)).toEqual(['Ready', 'Unhealthy']);
      answer(bed, 'm-2', undefined);
      await bed.run(30_000);
      expect(members(bed)).toEqual(['m-1', 'm-2']);
      expect(await phases(bed)).toEqual(['Ready', 'Ready']);
    });

    test('is replaced when its time is over, counted from when it became so', async () => {
      const { bed } = await restarted({ remediation: { afterSeconds: 120, maxUnhealthy: 1 } });
      await bed.run(150_000);
      expect(bed.cloud.machines.get('m-2')?.state).toBe('terminated');
      expect(await phases(bed)).toEqual(['Ready', 'Ready']);
    });

    test('stays so in mode Plan', async () => {
      const { bed } = await restarted();
      await bed.changeNetwork({ spec: { mode: 'Plan' } });
      await bed.run(300_000);
      expect(await phases(bed)).toEqual(['Ready', 'Unhealthy']);
      answer(bed, 'm-2', undefined);
      await bed.run(15_000);
      expect(await phases(bed)).toEqual(['Ready', 'Ready']);
    });

    test('is judged by its balancer where that found it so, and nobody else reaches it', async () => {
      const bed = await setUp({ zones: ['z1'] });
      answer(bed, 'm-1', absent);
      const stop = bed.startOperator();
      await bed.makeNetwork(networkOf(1, { balancer }));
      await bed.run(20_000);
      expect(await phases(bed)).toEqual(['Ready']);
      bed.cloud.unwell.add('m-1');
      await bed.run(700_000);
      expect(conditionOf(await nodeWith(bed, 'm-1'), 'Ready')).toMatchObject({ reason: 'Unhealthy' });
      stop();
      bed.cloud.unwell.clear();
      bed.startOperator();
      await bed.run(30_000);
      expect(await phases(bed)).toEqual(['Ready']);
    });
  });

  test('with another machine is judged anew', async () => {
    const bed = await ready(1);
    answer(bed, 'm-1', refused);
    await bed.run(40_000);
    expect(await phases(bed)).toEqual(['Unhealthy']);
    bed.cloud.end('m-1');
    await bed.run(90_000);
    expect(await nodeWith(bed, 'm-2')).toMatchObject({ status: { phase: 'Ready' } });
  });

  test('is asked as its Network says now, without another machine', async () => {
    const bed = await ready(1);
    await bed.changeNetwork({ spec: { client: { health: { tcp: null, http: { port: 'rpc' } } } } });
    await bed.run(15_000);
    expect(bed.asked.at(-1)).toBe('http 203.0.113.1:8545');
    expect(bed.cloud.calledTimes('launch')).toBe(1);
  });

  test('that stands alone is asked as well', async () => {
    const bed = await setUp({ zones: ['z1'] });
    bed.startOperator();
    await bed.server.nodes.create({
      metadata: { namespace: 'ns', name: 'lone' },
      spec: { credentialRef, client, aws: place },
    });
    await bed.run(20_000);
    expect((await bed.node()).status.phase).toBe('Ready');
    answer(bed, 'm-1', refused);
    await bed.run(40_000);
    expect((await bed.node()).status.phase).toBe('Unhealthy');
  });
});

describe('behind a balancer', () => {
  test('who is unwell is taken out, and put in again when it is well', async () => {
    const bed = await ready(3, { balancer });
    expect(members(bed)).toEqual(['m-1', 'm-2', 'm-3']);
    answer(bed, 'm-2', refused);
    await bed.run(40_000);
    expect(members(bed)).toEqual(['m-1', 'm-3']);
    expect(conditionOf(await nodeWith(bed, 'm-2'), 'Ready')?.message).toContain('the connection was refused');
    answer(bed, 'm-2', undefined);
    await bed.run(20_000);
    expect(members(bed).toSorted()).toEqual(['m-1', 'm-2', 'm-3']);
    expect(await phases(bed)).toEqual(['Ready', 'Ready', 'Ready']);
  });

  test('nobody is taken out when nobody would be left', async () => {
    const bed = await ready(2, { balancer });
    for (const id of ['m-1', 'm-2']) answer(bed, id, refused);
    await bed.run(60_000);
    expect(await phases(bed)).toEqual(['Unhealthy', 'Unhealthy']);
    expect(members(bed).length).toBeGreaterThan(0);
  });

  test('its verdict counts where the operator cannot reach a node', async () => {
    const bed = await setUp({ zones: ['z1'] });
    answer(bed, 'm-1', absent);
    bed.startOperator();
    await bed.makeNetwork(networkOf(1, { balancer }));
    await bed.run(20_000);
    expect(await phases(bed)).toEqual(['Ready']);
  });
});

test.for([{ paused: true }, { probeNodes: false }])('an operator with %o asks nobody', async (options) => {
  const bed = await setUp({ zones: ['z1'], ...options });
  bed.startOperator();
  await bed.makeNetwork(networkOf(1));
  await bed.run(60_000);
  expect(bed.asked).toEqual([]);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('paused' in options ? 'Unknown' : 'True');
});

test('at rest a Network that is asked after is not written', async () => {
  const bed = await ready(3, { balancer });
  await bed.run(60_000);
  const from = bed.api.calls.length;
  await bed.run(600_000);
  expect(bed.patchesSince(from)).toEqual([]);
});

describe('remediation', () => {
  const remediation = { afterSeconds: 60, maxUnhealthy: 1 };

  test('replaces a Node that stays unhealthy, and says so', async () => {
    const bed = await ready(3, { remediation });
    const { metadata } = await nodeWith(bed, 'm-2');
    answer(bed, 'm-2', refused);
    await bed.run(75_000);
    expect((await bed.nodes()).map(({ metadata: { name } }) => name)).toContain(metadata.name);
    await bed.run(120_000);
    expect((await bed.nodes()).map(({ metadata: { name } }) => name)).not.toContain(metadata.name);
    expect(await phases(bed)).toEqual(['Ready', 'Ready', 'Ready']);
    expect(bed.cloud.machines.get('m-2')?.state).toBe('terminated');
    expect(await bed.notes('Remediated')).toEqual([
      expect.stringMatching(
        new RegExp(`^${metadata.name} is replaced: unhealthy for \\d+ s \\(machine m-2 runs; .*refused\\)$`),
      ),
    ]);
  });

  test('leaves a Node that gets well in time', async () => {
    const bed = await ready(3, { remediation });
    answer(bed, 'm-2', refused);
    await bed.run(60_000);
    answer(bed, 'm-2', undefined);
    await bed.run(300_000);
    expect(bed.cloud.calledTimes('launch')).toBe(1);
  });

  test('without it is not done', async () => {
    const bed = await ready(3);
    answer(bed, 'm-2', refused);
    await bed.run(1_800_000);
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    expect(await phases(bed)).toEqual(['Ready', 'Ready', 'Unhealthy']);
  });

  test('is held, with the reason, while most are unhealthy at once', async () => {
    const bed = await ready(3, { remediation });
    for (const id of ['m-1', 'm-2']) answer(bed, id, refused);
    await bed.run(300_000);
    expect(bed.cloud.calledTimes('launch')).toBe(1);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
      reason: 'MostlyUnhealthy',
      message: expect.stringContaining('2 of 3 Nodes are unhealthy at once'),
    });
    answer(bed, 'm-1', undefined);
    await bed.run(120_000);
    expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
    expect(bed.cloud.machines.get('m-2')?.state).toBe('terminated');
  });

  test('replaces one at a time', async () => {
    const bed = await ready(5, { remediation });
    for (const id of ['m-1', 'm-2']) answer(bed, id, refused);
    let most = 0;
    for (let second = 0; second < 300; second += 1) {
      await bed.run(1_000);
      const alive = [...bed.cloud.machines.values()].filter(({ state }) => state === 'running').length;
      most = Math.max(most, 5 - alive);
    }
    expect(most).toBe(1);
    expect(await phases(bed)).toEqual(['Ready', 'Ready', 'Ready', 'Ready', 'Ready']);
    expect(await bed.notes('Remediated')).toHaveLength(2);
  });
});
