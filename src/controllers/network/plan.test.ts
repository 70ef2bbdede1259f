/** `mode: Plan`: all is shown, in the order in which it would be done, and nothing is done. */
import { describe, expect, test } from 'vitest';
import { balancer, conditionOf, networkSpec, setUp, type Testbed } from '../testbed.ts';

const peering = { bootnodes: 1, address: { template: 'tcp://$(PUBLIC_ADDRESS):8545' } };
const named = (name: string) => ({ namespace: 'ns', name });

const stepsOf = async (bed: Testbed) =>
  ((await bed.network()).status.plan?.steps ?? []).map(({ verb, kind }) => `${verb} ${kind}`);
const changes = ({ cloud }: Testbed) =>
  cloud.calls.filter((call) => /^(launch|remove|release|pin|run)/.test(call));
/** Objects other than our own kinds and Secrets. */
const othersWritten = ({ api }: Testbed, from = 0) =>
  api.calls
    .slice(from)
    .filter((call) => /^(create|patch|delete) (services|configmaps|deployments|poddis)/.test(call));
const machines = ({ cloud }: Testbed) =>
  [...cloud.machines.values()].map(({ id, state }) => `${id} ${state}`);
const isGone = async (bed: Testbed) => (await bed.server.networks.list()).items.length === 0;

async function ready(replicas: number, spec: object = {}): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork({ ...networkSpec(replicas), ...spec });
  await bed.run(20_000);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ status: 'True', reason: 'AllReady' });
  return bed;
}

describe('of what is wished', () => {
  test('shows the steps and takes none', async () => {
    const bed = await setUp();
    bed.startOperator();
    await bed.makeNetwork({ ...networkSpec(2), balancer, mode: 'Plan' });
    await bed.run(120_000);
    const { status, metadata } = await bed.network();
    expect(conditionOf({ status }, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'PlanPending' });
    expect(status.plan?.summary).toBe('add 2 nodes in here; 2 steps around them');
    expect(await stepsOf(bed)).toEqual(['create firewall', 'create balancer', 'create Node', 'create Node']);
    expect(metadata.annotations?.['peerage.dev/placements']).toBeUndefined();
    expect(await bed.nodes()).toEqual([]);
    expect(new Set(bed.cloud.calls)).toEqual(new Set(['verify', 'list', 'observe']));
  });

  test('says what stands in the way of a plan', async () => {
    const bed = await setUp({ bare: true });
    bed.startOperator();
    await bed.makeNetwork({ ...networkSpec(2), mode: 'Plan' });
    await bed.run(1_000);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({ reason: 'CredentialNotFound' });
    await bed.makeSecret();
    await bed.makeCredential();
    await bed.run(1_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ reason: 'PlanPending' });
  });

  test('names what is written into the cluster, and writes none of it', async () => {
    const bed = await setUp();
    bed.startOperator();
    await bed.makeNetwork({ ...networkSpec(1), balancer, peering, gateway: {}, mode: 'Plan' });
    await bed.run(700_000);
    expect(await stepsOf(bed)).toEqual([
      'create firewall',
      'create balancer',
      'create Node',
      'create ConfigMap',
      'create Service',
      'create ConfigMap',
      'create Deployment',
      'create PodDisruptionBudget',
    ]);
    expect(othersWritten(bed)).toEqual([]);
    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(60_000);
    expect(new Set(othersWritten(bed))).toEqual(
      new Set([
        'patch configmaps ns/net-peers',
        'patch services ns/net-gateway',
        'patch configmaps ns/net-gateway',
        'patch deployments ns/net-gateway',
        'patch poddisruptionbudgets ns/net-gateway',
      ]),
    );
  });

  test('keeps the ConfigMap of peers as it is, also when it is to go', async () => {
    const bed = await ready(2, { peering });
    const read = async () => (await bed.server.configMaps.get(named('net-peers')))?.data;
    const before = await read();
    await bed.changeNetwork({ spec: { mode: 'Plan', replicas: 3, peering: { bootnodes: 2 } } });
    await bed.run(30_000);
    expect(await stepsOf(bed)).toEqual(['create Node', 'update ConfigMap']);
    await bed.changeNetwork({ spec: { peering: null } });
    await bed.run(1_300_000);
    expect(await stepsOf(bed)).toEqual(['create Node', 'delete ConfigMap']);
    expect(await read()).toEqual(before);
    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(30_000);
    expect(await read()).toBeUndefined();
    expect((await bed.network()).status.peers).toBeUndefined();
  });

  test('has a Node that somebody deleted, and one that lost its machine', async () => {
    const bed = await ready(2);
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    await bed.run(1_000);
    const [first] = await bed.nodes();
    await bed.server.nodes.delete(named(first?.metadata.name ?? ''));
    bed.cloud.end(first?.status.machine?.id === 'm-1' ? 'm-2' : 'm-1');
    await bed.run(120_000);
    expect(await stepsOf(bed)).toEqual(['create machine', 'create Node', 'delete Node']);
    expect((await bed.network()).status.plan?.summary).toBe(
      'add 1 node in here, remove 1 node in here; 1 step around them',
    );
  });
});

describe('of a removal', () => {
  const remove = ({ server }: Testbed) => server.networks.delete(named('net'));

  test('shows all that would go, and holds it until the mode is Apply', async () => {
    const bed = await ready(2, { balancer });
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    await bed.run(1_000);
    const before = changes(bed);
    await remove(bed);
    await bed.run(1_300_000);
    expect(changes(bed)).toEqual(before);
    expect(machines(bed)).toEqual(['m-1 running', 'm-2 running']);
    for (const { metadata, status } of await bed.nodes()) {
      expect(metadata.deletionTimestamp).toBeUndefined();
      expect(status.phase).toBe('Ready');
    }
    const network = await bed.network();
    expect(conditionOf(network, 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'PlanPending',
      message:
        'it is deleted, and its mode is Plan: remove 2 nodes in here; 2 steps around them; `mode: Apply` carries it out',
    });
    const shown = network.status.plan?.steps.map(({ verb, kind }) => `${verb} ${kind}`);
    expect(shown?.toSorted()).toEqual(
      ['delete Node', 'delete Node', 'delete balancer', 'delete firewall'].toSorted(),
    );
    expect(shown?.slice(0, 2)).toEqual(['delete Node', 'delete Node']);

    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(60_000);
    expect(await isGone(bed)).toBe(true);
    expect(machines(bed)).toEqual(['m-1 terminated', 'm-2 terminated']);
    const ran = changes(bed).filter((call) => call.startsWith('run delete'));
    expect(ran.map((call) => call.replace('run ', ''))).toEqual(shown?.slice(2));
  });

  test('with deletionPolicy Orphan says what lives on', async () => {
    const bed = await ready(1, { deletionPolicy: 'Orphan' });
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    await remove(bed);
    await bed.run(30_000);
    expect(await stepsOf(bed)).toEqual(['release Node', 'release firewall']);
    expect(conditionOf(await bed.network(), 'Ready')?.message).toContain('lives on (deletionPolicy: Orphan)');
    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(60_000);
    expect(await isGone(bed)).toBe(true);
    expect(machines(bed)).toEqual(['m-1 running']);
  });

  test('is over at once when nothing was ever made', async () => {
    const bed = await setUp();
    bed.startOperator();
    await bed.makeNetwork({ ...networkSpec(2), balancer, mode: 'Plan' });
    await bed.run(5_000);
    expect((await bed.network()).metadata.finalizers).toHaveLength(1);
    await remove(bed);
    await bed.run(1_000);
    expect(await isGone(bed)).toBe(true);
    expect(changes(bed)).toEqual([]);
  });

  test('says what stands in its way, and lets nothing go that it cannot look at', async () => {
    const bed = await ready(0);
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    bed.cloud.refuse('observe', 'unauthorized');
    await bed.run(60_000);
    await remove(bed);
    await bed.run(60_000);
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({ reason: 'Unauthorized' });
    expect((await bed.network()).metadata.finalizers).toHaveLength(1);
  });

  test('by a namespace that goes has all Nodes deleted, and keeps their machines until the mode is Apply', async () => {
    const bed = await ready(2);
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    await bed.run(1_000);
    // As the namespace controller does: everything, in no order.
    for (const { metadata } of await bed.nodes()) await bed.server.nodes.delete(metadata);
    await remove(bed);
    await bed.server.credentials.delete(named('cred'));
    await bed.server.secrets.delete(named('keys'));
    await bed.run(1_300_000);
    expect(machines(bed)).toEqual(['m-1 running', 'm-2 running']);
    expect(await bed.nodes()).toHaveLength(2);
    expect(await stepsOf(bed)).toEqual(['delete Node', 'delete Node', 'delete firewall']);
    await bed.changeNetwork({ spec: { mode: 'Apply' } });
    await bed.run(60_000);
    expect(await isGone(bed)).toBe(true);
    expect(machines(bed)).toEqual(['m-1 terminated', 'm-2 terminated']);
    expect((await bed.server.credentials.list()).items).toEqual([]);
  });

  test('is shown by an operator that has just started, which removes nothing either', async () => {
    const bed = await setUp();
    const stop = bed.startOperator();
    await bed.makeNetwork(networkSpec(1));
    await bed.run(20_000);
    await bed.changeNetwork({ spec: { mode: 'Plan' } });
    stop();
    await remove(bed);
    bed.startOperator();
    await bed.run(1_300_000);
    expect(machines(bed)).toEqual(['m-1 running']);
    expect(await stepsOf(bed)).toEqual(['delete Node', 'delete firewall']);
  });
});

test('at rest neither plan is written again', async () => {
  const bed = await ready(1, { balancer, peering });
  await bed.changeNetwork({ spec: { mode: 'Plan', replicas: 2 } });
  await bed.run(60_000);
  let from = bed.api.calls.length;
  await bed.run(1_300_000);
  expect(bed.patchesSince(from)).toEqual([]);
  await bed.server.networks.delete(named('net'));
  await bed.run(60_000);
  from = bed.api.calls.length;
  await bed.run(1_300_000);
  expect(bed.patchesSince(from)).toEqual([]);
});
