/** Nodes of a Network that may not be touched, or that goes. */
import { describe, expect, test } from 'vitest';
import { KubeError } from '../../kube/errors.ts';
import { conditionOf, networkSpec, setUp, type Testbed } from '../testbed.ts';

const machines = ({ cloud }: Testbed) =>
  [...cloud.machines.values()].map(({ id, state }) => `${id} ${state}`);
const changes = ({ cloud }: Testbed) =>
  cloud.calls.filter((call) => /^(launch|remove|release|run)/.test(call));
const sweepsMs = 4 * 600_000;

async function ready(replicas: number): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork(networkSpec(replicas));
  await bed.run(15_000);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ status: 'True' });
  return bed;
}

describe('with mode Plan', () => {
  test('a Node that serves is Ready, and one that lost its machine gets none before the plan is applied', async () => {
    const bed = await ready(2);
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    await bed.run(1_000);
    const before = changes(bed);
    bed.cloud.end('m-1');
    await bed.run(600_000);
    expect(changes(bed)).toEqual(before);
    const [lost, serving] = (await bed.nodes()).toSorted((a, b) =>
      `${a.status.machine?.id}`.localeCompare(`${b.status.machine?.id}`),
    );
    expect(conditionOf(lost ?? { status: {} }, 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'PlanPending',
    });
    expect(lost?.status.phase).toBe('Unhealthy');
    expect(conditionOf(serving ?? { status: {} }, 'Ready')).toMatchObject({ status: 'True' });
    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(70_000);
    expect(machines(bed)).toEqual(['m-1 terminated', 'm-2 running', 'm-3 running']);
  });

  test('a Node that is deleted keeps its machine until the plan is applied', async () => {
    const bed = await ready(1);
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    const [node] = await bed.nodes();
    const { name = '' } = node?.metadata ?? {};
    await bed.server.nodes.delete({ namespace: 'ns', name });
    await bed.run(120_000);
    expect(machines(bed)).toEqual(['m-1 running']);
    expect(conditionOf(await bed.node(name), 'Ready')).toMatchObject({ reason: 'PlanPending' });
    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(60_000);
    expect(machines(bed)).toEqual(['m-1 terminated', 'm-2 running']);
  });
});

test.for([{ paused: true }, { mode: 'Plan' }])(
  'the sweep leaves alone what is of a Network with %o',
  async (spec) => {
    const bed = await ready(1);
    await bed.changeNetwork({ spec });
    const owner = { cluster: 'c1', network: 'ns/net', placement: 'here' };
    bed.cloud.plant({ id: 'lost', owner, launch: { token: 'lost', index: 0 } });
    await bed.run(sweepsMs);
    expect(machines(bed)).toEqual(['m-1 running', 'lost running']);
    await bed.changeNetwork({ spec: { paused: false, mode: 'Apply' } });
    await bed.run(sweepsMs);
    expect(machines(bed)).toEqual(['m-1 running', 'lost terminated']);
  },
);

test('for a Network that goes nothing is launched any more', async () => {
  const bed = await setUp({ zones: ['z1'] });
  bed.cloud.fullZones.add('z1');
  bed.startOperator();
  await bed.makeNetwork(networkSpec(1));
  await bed.run(10_000);
  expect(bed.cloud.calledTimes('launch')).toBe(1);
  await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
  // Its Nodes cannot be deleted yet.
  const refusal = new KubeError('delete', { status: 403, reason: 'Forbidden' });
  for (let times = 0; times < 8; times += 1) bed.api.failNext('delete', refusal);
  bed.cloud.fullZones.delete('z1');
  await bed.run(60_000);
  const [node] = await bed.nodes();
  expect(node?.metadata.deletionTimestamp).toBeUndefined();
  expect(bed.cloud.calledTimes('launch')).toBe(1);
  expect(conditionOf(node ?? { status: {} }, 'Ready')).toMatchObject({
    reason: 'Waiting',
    message: 'its Network is going',
  });
  await bed.run(600_000);
  expect((await bed.server.networks.list()).items).toEqual([]);
  expect(machines(bed)).toEqual([]);
});
