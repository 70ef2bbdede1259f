/** Trouble around a placement's machines: tried again when its time has come, and not each time that something happens. */
import { describe, expect, test } from 'vitest';
import type { Network } from '../../api/network.ts';
import { balancer, conditionOf, networkSpec, setUp, type Testbed } from '../testbed.ts';

/** Something about a Node changes every second: its Network looks each time. */
async function runWithNodeEvents(bed: Testbed, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    const [node] = await bed.nodes();
    const annotations = { 'example.com/touched': String(bed.clock.now()) };
    if (node !== undefined)
      await bed.server.nodes.patch(node.metadata, { metadata: { annotations } }, { type: 'merge' });
    await bed.run(1_000);
  }
}

/** A Network at rest, to which a balancer is added that the cloud refuses: 60 s until the next try, then 120 s. */
async function inTrouble() {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(10_000);
  bed.cloud.refuse('run', 'invalid');
  await bed.changeNetwork({ spec: { balancer } });
  await bed.run(500);
  const tries = () => bed.cloud.calledTimes('run create balancer');
  expect(tries()).toBe(1);
  return { bed, tries };
}

describe('a placement whose surroundings are refused', () => {
  test('is tried again when its wait is over, whatever else wakes its Network', async () => {
    const { bed, tries } = await inTrouble();
    await runWithNodeEvents(bed, 58);
    expect(tries()).toBe(1);
    await runWithNodeEvents(bed, 3);
    expect(tries()).toBe(2);
    await runWithNodeEvents(bed, 115);
    expect(tries()).toBe(2);
    await runWithNodeEvents(bed, 5);
    expect(tries()).toBe(3);
  });

  test('has one message for each try: none is written in between', async () => {
    const { bed } = await inTrouble();
    const said = conditionOf(await bed.network(), 'Ready');
    expect(said).toMatchObject({
      status: 'False',
      reason: 'InvalidRequest',
      message: 'run refused: invalid: told beforehand; next try in 60 s',
    });
    // The Node is not Ready any more, as it is in no balancer: that is news.
    await runWithNodeEvents(bed, 3);
    const from = bed.api.calls.length;
    await runWithNodeEvents(bed, 55);
    expect(bed.patchesSince(from).filter((call) => call.includes('networks'))).toEqual([]);
    await bed.run(3_000);
    expect(conditionOf(await bed.network(), 'Ready')?.message).toMatch(/next try in 2 min/);
  });

  test('shows meanwhile what was there when it was last seen', async () => {
    const { bed } = await inTrouble();
    await runWithNodeEvents(bed, 5);
    const { status } = await bed.network();
    expect(status.resources).toEqual([
      { placement: 'here', kind: 'firewall', name: 'firewall', id: 'firewall' },
    ]);
    expect(status.placements?.[0]?.network).toBe('the network of the fake cloud');
  });

  test('is tried at once when the spec changes', async () => {
    const { bed, tries } = await inTrouble();
    bed.cloud.refuse('run');
    await bed.changeNetwork({ spec: { balancer: { ...balancer, drainSeconds: 5 } } });
    await bed.run(500);
    expect(tries()).toBe(2);
    await bed.run(10_000);
    expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  });

  test('is tried at once when somebody asks', async () => {
    const { bed, tries } = await inTrouble();
    await bed.ask(bed.server.networks, 'net');
    await bed.run(500);
    expect(tries()).toBe(2);
    // How often it failed stays known.
    expect(conditionOf(await bed.network(), 'Ready')?.message).toMatch(/next try in 2 min/);
  });

  test('is tried at once when its credential changes', async () => {
    const { bed, tries } = await inTrouble();
    const spec = { allowedNamespaces: { list: ['other'] } };
    await bed.server.credentials.patch({ namespace: 'ns', name: 'cred' }, { spec }, { type: 'merge' });
    await bed.run(500);
    expect(tries()).toBe(2);
  });

  test('begins with the first wait again after all went well', async () => {
    const { bed } = await inTrouble();
    await bed.run(60_000);
    bed.cloud.refuse('run');
    await bed.run(130_000);
    expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
    bed.cloud.refuse('run', 'invalid');
    await bed.server.networks.patch(
      { namespace: 'ns', name: 'net' },
      { spec: { balancer: null } },
      { type: 'merge' },
    );
    await bed.run(500);
    expect(conditionOf(await bed.network(), 'Ready')?.message).toMatch(/next try in 60 s/);
  });

  test('does not hold up the others of its Network', async () => {
    const bed = await setUp();
    bed.startOperator();
    const { client, placements } = networkSpec(1);
    const nowhere = placements.map((one) => ({ ...one, name: 'nowhere', credentialRef: { name: 'nobody' } }));
    await bed.makeNetwork({ client, placements: [...nowhere, ...placements], balancer });
    await bed.run(10_000);
    const network = await bed.network();
    expect(conditionOf(network, 'Stalled')).toMatchObject({ reason: 'CredentialNotFound' });
    const ready = new Map(network.status.placements?.map((one) => [one.name, one.ready]));
    expect(ready).toEqual(
      new Map([
        ['nowhere', 0],
        ['here', 1],
      ]),
    );
  });
});

test('what has to be pinned before the first Node waits ever longer, too', async () => {
  const bed = await setUp();
  bed.cloud.refuse('pin', 'invalid');
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(59_000);
  expect(bed.cloud.calledTimes('pin')).toBe(1);
  await bed.run(2_000);
  expect(bed.cloud.calledTimes('pin')).toBe(2);
  await bed.run(115_000);
  expect(bed.cloud.calledTimes('pin')).toBe(2);
});

test('machines that may not be listed are told of', async () => {
  const bed = await setUp();
  bed.cloud.refuse('list', 'unauthorized');
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(1_000);
  expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
    reason: 'Unauthorized',
    message: 'list refused: unauthorized: told beforehand; next try in 15 s',
  });
  bed.cloud.refuse('list');
  await bed.run(30_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
});

describe('what was seen around a placement stays in the status', () => {
  const shown = ({ status: { endpoints, resources, placements } }: Network) => ({
    endpoints,
    resources: resources?.map(({ kind }) => kind),
    network: placements?.[0]?.network,
    address: placements?.[0]?.balancer?.address,
  });
  const all = {
    endpoints: ['lb.invalid:80'],
    resources: ['firewall', 'balancer'],
    network: 'the network of the fake cloud',
    address: 'lb.invalid',
  };

  async function seen() {
    const bed = await setUp();
    const stop = bed.startOperator();
    await bed.makeNetwork({ balancer });
    await bed.run(15_000);
    expect(shown(await bed.network())).toEqual(all);
    return { bed, stop };
  }

  test('when an operator starts that finds it paused', async () => {
    const { bed, stop } = await seen();
    stop();
    await bed.changeNetwork({ spec: { paused: true } });
    bed.startOperator();
    await bed.run(10_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ reason: 'Paused' });
    expect(shown(await bed.network())).toEqual(all);
  });

  test('when an operator starts whose credential is broken', async () => {
    const { bed, stop } = await seen();
    stop();
    await bed.server.secrets.delete({ namespace: 'ns', name: 'keys' });
    const finalizers = { metadata: { finalizers: null } };
    await bed.server.secrets.patch({ namespace: 'ns', name: 'keys' }, finalizers, { type: 'merge' });
    bed.startOperator();
    await bed.run(10_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ reason: 'SecretNotFound' });
    expect(shown(await bed.network())).toEqual(all);
  });

  test('when the very first step is refused', async () => {
    const bed = await setUp();
    bed.startOperator();
    bed.cloud.refuse('run', 'quota');
    await bed.makeNetwork({ balancer });
    await bed.run(1_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ reason: 'QuotaExceeded' });
    expect(shown(await bed.network()).network).toBe(all.network);
  });

  test('until it is seen to be gone', async () => {
    const { bed, stop } = await seen();
    stop();
    await bed.server.networks.patch(
      { namespace: 'ns', name: 'net' },
      { spec: { balancer: null } },
      { type: 'merge' },
    );
    bed.startOperator();
    await bed.run(10_000);
    expect(shown(await bed.network())).toEqual({
      ...all,
      endpoints: [],
      resources: ['firewall'],
      address: undefined,
    });
  });
});

test('a removal that the cloud refuses is tried again when its wait is over', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(10_000);
  bed.cloud.refuse('run', 'unauthorized');
  await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
  await bed.run(15_000);
  expect(bed.cloud.calledTimes('run delete firewall')).toBe(1);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({
    reason: 'Unauthorized',
    message: 'run refused: unauthorized: told beforehand; next try in 15 s',
  });
  bed.cloud.refuse('run');
  await bed.run(20_000);
  expect((await bed.server.networks.list()).items).toEqual([]);
});

test('a cloud that does not answer is Stalled after a while, with nothing forgotten, and heals by itself', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork(networkSpec(2));
  await bed.run(10_000);
  const machines = [...bed.cloud.machines.keys()];
  bed.cloud.refuse('list', 'unavailable');
  bed.cloud.refuse('observe', 'unavailable');
  await bed.changeNetwork({ spec: { balancer } });
  const said = async (type: string) => conditionOf(await bed.network(), type);
  await bed.run(40_000);
  expect(await said('Ready')).toMatchObject({ status: 'False', reason: 'CloudUnavailable' });
  expect(await said('Reconciling')).toMatchObject({ status: 'True' });
  await bed.run(40_000);
  expect(await said('Stalled')).toMatchObject({
    status: 'True',
    reason: 'CloudUnavailable',
    message: 'observe refused: unavailable: told beforehand; next try in 60 s',
  });
  await bed.run(600_000);
  expect(await bed.warnings()).toHaveLength(1);
  bed.cloud.refuse('list');
  bed.cloud.refuse('observe');
  await bed.run(65_000);
  expect(await said('Ready')).toMatchObject({ status: 'True' });
  expect(await said('Stalled')).toBeUndefined();
  expect([...bed.cloud.machines.keys()]).toEqual(machines);
});
