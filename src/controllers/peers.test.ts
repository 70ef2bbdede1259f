/** Nodes that find each other. */
import { describe, expect, test } from 'vitest';
import { conditionOf, credentialRef, place, setUp, type Testbed } from './testbed.ts';

const client = {
  image: 'example.com/client:1',
  args: ['--connect=$(BOOTNODES)', '--peers=$(PEERS)'],
  ports: [
    { name: 'rpc', port: 8545 },
    { name: 'p2p', port: 30303 },
  ],
};
const template = '$(ADDRESS):$(PORT_p2p)';
const placement = (name: string, replicas: number) => ({ name, replicas, credentialRef, aws: place });

function peered(
  replicas: number,
  { address = { template }, ...peering }: Readonly<Record<string, unknown>> = {},
) {
  return { client, peering: { address, ...peering }, placements: [placement('here', replicas)] };
}

async function started(spec: object, options: Parameters<typeof setUp>[0] = {}): Promise<Testbed> {
  const bed = await setUp({ zones: ['z1'], ...options });
  bed.startOperator();
  await bed.makeNetwork(spec);
  return bed;
}

/** What the Nodes of each launch were told of the others. */
const told = ({ cloud }: Testbed) =>
  cloud.requests.map(({ rows, workload }) => [rows.length, ...(workload.args ?? [])].join(' '));
const peersOf = async (bed: Testbed) =>
  (await bed.network()).status.peers?.map(({ bootnode, inside }) => `${bootnode ? 'boot ' : ''}${inside}`);
const configOf = ({ server }: Testbed) => server.configMaps.get({ namespace: 'ns', name: 'net-peers' });
const isReady = async (bed: Testbed) => conditionOf(await bed.network(), 'Ready')?.status === 'True';
/** The Node that has no machine yet, where there is but one. */
async function waiting(bed: Testbed) {
  const [node, ...more] = (await bed.nodes()).filter(({ status }) => status.machine === undefined);
  if (node === undefined || more.length > 0) throw new Error('not one of them waits');
  return node;
}

describe('a Network with peering', () => {
  test('starts its boot node first, and the others with its address', async () => {
    const bed = await started(peered(3));
    await bed.run(20_000);
    expect(await isReady(bed)).toBe(true);
    expect(told(bed)).toEqual(['1 --connect= --peers=', '2 --connect=10.0.0.1:30303 --peers=10.0.0.1:30303']);
    const boot = (await bed.nodes()).find(({ status }) => status.machine?.id === 'm-1');
    expect(boot?.status.peer).toEqual({ inside: '10.0.0.1:30303', outside: '203.0.113.1:30303' });
    expect(boot?.status.addresses).toEqual([
      { type: 'Private', address: '10.0.0.1' },
      { type: 'Public', address: '203.0.113.1' },
    ]);
  });

  test('with several boot nodes lets them know of the first, and the rest of all', async () => {
    const bed = await started(peered(6, { bootnodes: 3 }));
    await bed.run(20_000);
    expect(told(bed)).toEqual([
      '1 --connect= --peers=',
      '2 --connect=10.0.0.1:30303 --peers=10.0.0.1:30303',
      expect.stringMatching(/^3 --connect=10.0.0.1:30303,10.0.0.[23]:30303,10.0.0.[23]:30303 /),
    ]);
    expect(await peersOf(bed)).toHaveLength(6);
  });

  test('tells the nodes of another placement the address outside', async () => {
    const bed = await started({ ...peered(1), placements: [placement('here', 1), placement('there', 1)] });
    await bed.run(20_000);
    expect(told(bed)[1]).toBe('1 --connect=203.0.113.1:30303 --peers=203.0.113.1:30303');
  });

  test('writes the list into its status and a ConfigMap, and at rest nothing', async () => {
    const bed = await started(peered(2));
    await bed.run(20_000);
    expect(await peersOf(bed)).toEqual(['boot 10.0.0.1:30303', '10.0.0.2:30303']);
    expect(await configOf(bed)).toMatchObject({
      metadata: {
        labels: { 'peerage.dev/network': 'net' },
        ownerReferences: [{ kind: 'Network', name: 'net' }],
      },
      data: {
        bootnodes: '203.0.113.1:30303',
        'peers.here': '10.0.0.1:30303,10.0.0.2:30303',
        'peers.json': expect.stringContaining('"bootnode": true'),
      },
    });
    await bed.run(60_000);
    const from = bed.api.calls.length;
    await bed.run(1_800_000);
    expect(bed.patchesSince(from)).toEqual([]);
  });

  test('puts right what somebody did to the ConfigMap', async () => {
    const bed = await started(peered(1));
    await bed.run(20_000);
    await bed.server.configMaps.delete({ namespace: 'ns', name: 'net-peers' });
    await bed.ask(bed.server.networks, 'net');
    await bed.run(5_000);
    expect(await configOf(bed)).toBeDefined();
  });
});

describe('a boot node that is lost', () => {
  test('is replaced by election, and learns of the others when it comes back as one of them', async () => {
    const bed = await started(peered(3));
    await bed.run(20_000);
    bed.cloud.end('m-1');
    await bed.run(90_000);
    expect(await isReady(bed)).toBe(true);
    expect(told(bed)[2]).toMatch(
      /^1 --connect=10.0.0.([23]):30303 --peers=10.0.0.\1:30303,10.0.0.[23]:30303$/,
    );
    expect(await peersOf(bed)).toEqual([
      expect.stringMatching(/^boot 10.0.0.[23]:30303$/),
      expect.stringMatching(/^10.0.0.[23]:30303$/),
      '10.0.0.4:30303',
    ]);
    const [first] = (await peersOf(bed)) ?? [];
    expect(`boot ${(await configOf(bed))?.data?.['bootnodes.here']}`).toBe(first);
  });

  test('and is the only node there is starts alone again', async () => {
    const bed = await started(peered(1));
    await bed.run(20_000);
    bed.cloud.end('m-1');
    await bed.run(90_000);
    expect(told(bed)).toEqual(['1 --connect= --peers=', '1 --connect= --peers=']);
    expect(await peersOf(bed)).toEqual(['boot 10.0.0.2:30303']);
  });
});

describe('a node that waits for its boot node', () => {
  const hole = { address: { template: '$(ADDRESS):$(NOPE)' }, startTimeoutSeconds: 60 };

  test('says for whom, and how long', async () => {
    const bed = await started(peered(2, hole));
    await bed.run(20_000);
    const node = await waiting(bed);
    expect(node.status.phase).toBe('Pending');
    expect(conditionOf(node, 'Ready')).toMatchObject({
      reason: 'WaitingForPeers',
      message: expect.stringMatching(
        /^waits up to 60 s for the peer address of boot node net-here-\S+ \(\$\(NOPE\) has no value\)$/,
      ),
    });
    expect(conditionOf(node, 'Reconciling')?.status).toBe('True');
  });

  test('is stalled when that never becomes known, and goes on as soon as it does', async () => {
    const bed = await started(peered(2, hole));
    await bed.run(90_000);
    expect(conditionOf(await waiting(bed), 'Stalled')).toMatchObject({
      reason: 'PeersUnknown',
      message: expect.stringContaining('has no value'),
    });
    expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({ reason: 'NodesStalled' });
    await bed.changeNetwork({ spec: { peering: { address: { template } } } });
    await bed.run(20_000);
    expect(await isReady(bed)).toBe(true);
    expect(told(bed)[1]).toBe('1 --connect=10.0.0.1:30303 --peers=10.0.0.1:30303');
  });

  test('costs one write more than one that does not', async () => {
    const bed = await setUp({ zones: ['z1'] });
    bed.startOperator();
    await bed.makeNetwork(peered(2));
    await bed.run(30_000);
    const writes = ((await bed.network()).status.peers ?? []).map(
      ({ node }) => bed.patchesSince(0).filter((call) => call === `patch nodes ns/${node}`).length,
    );
    expect(writes).toEqual([writes[0], (writes[0] ?? 0) + 1]);
  });
});

describe('an address that the node tells itself', () => {
  const jsonRpc = { port: 'rpc', method: 'admin_nodeInfo', resultPath: 'enode' };
  const spec = peered(2, { address: { jsonRpc }, startTimeoutSeconds: 60 });
  const enode = (id: string) => ({
    outcome: 'passed' as const,
    text: `enode://${id}@127.0.0.1:30303`,
  });

  test('is asked for, and carries the address that others reach it by', async () => {
    const bed = await setUp({ zones: ['z1'] });
    bed.answers.set('203.0.113.1', enode('aa')).set('203.0.113.2', enode('bb'));
    bed.startOperator();
    await bed.makeNetwork(spec);
    await bed.run(30_000);
    expect(told(bed)[1]).toBe('1 --connect=enode://aa@10.0.0.1:30303 --peers=enode://aa@10.0.0.1:30303');
    expect(await peersOf(bed)).toEqual(['boot enode://aa@10.0.0.1:30303', 'enode://bb@10.0.0.2:30303']);
  });

  test('is no address when the answer has no such text, and the node that waits says so', async () => {
    const bed = await setUp({ zones: ['z1'] });
    bed.answers.set('203.0.113.1', { outcome: 'passed' });
    bed.startOperator();
    await bed.makeNetwork(spec);
    await bed.run(30_000);
    expect(conditionOf(await waiting(bed), 'Ready')?.message).toContain(
      'it answers admin_nodeInfo without a text at enode',
    );
    expect(await peersOf(bed)).toEqual([]);
  });

  test('is not known where nodes are not asked', async () => {
    const bed = await started(spec, { probeNodes: false });
    await bed.run(30_000);
    expect(bed.asked).toEqual([]);
    expect(conditionOf(await waiting(bed), 'Ready')?.message).toContain('the operator does not ask it');
  });

  test('stays what it was while an operator that has just started has no answer', async () => {
    const bed = await setUp({ zones: ['z1'] });
    bed.answers.set('203.0.113.1', enode('aa')).set('203.0.113.2', enode('bb'));
    const stop = bed.startOperator();
    await bed.makeNetwork(spec);
    await bed.run(30_000);
    const before = await peersOf(bed);
    stop();
    for (const host of ['203.0.113.1', '10.0.0.1'])
      bed.answers.set(host, { outcome: 'unreachable', reason: 'no connection' });
    const from = bed.api.calls.length;
    bed.startOperator();
    await bed.run(90_000);
    expect(await peersOf(bed)).toEqual(before);
    expect(bed.patchesSince(from)).toEqual([]);
  });
});

test('what was known stays while the cloud cannot be asked after a restart', async () => {
  const bed = await setUp({ zones: ['z1'] });
  const stop = bed.startOperator();
  await bed.makeNetwork(peered(2));
  await bed.run(30_000);
  stop();
  bed.cloud.refuse('list', 'unavailable');
  bed.startOperator();
  await bed.run(60_000);
  expect(await peersOf(bed)).toEqual(['boot 10.0.0.1:30303', '10.0.0.2:30303']);
  expect((await configOf(bed))?.data?.bootnodes).toBe('203.0.113.1:30303');
});

test('without peering any more, lists and ConfigMap are taken away and nothing is launched anew', async () => {
  const bed = await started(peered(2));
  await bed.run(20_000);
  await bed.changeNetwork({ spec: { peering: null } });
  await bed.run(20_000);
  expect(await configOf(bed)).toBeUndefined();
  expect((await bed.network()).status).not.toHaveProperty('peers');
  for (const { status } of await bed.nodes()) expect(status).not.toHaveProperty('peer');
  expect(bed.cloud.requests).toHaveLength(2);
});

test('a ConfigMap of that name that is somebody else’s is left alone, and told of', async () => {
  const bed = await setUp({ zones: ['z1'] });
  const theirs = { metadata: { namespace: 'ns', name: 'net-peers' }, data: { mine: 'yes' } };
  await bed.server.configMaps.create(theirs);
  bed.startOperator();
  await bed.makeNetwork(peered(1));
  await bed.run(20_000);
  expect((await configOf(bed))?.data).toEqual({ mine: 'yes' });
  expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
    reason: 'AlreadyExists',
    message: expect.stringContaining('ConfigMap net-peers exists and is not ours'),
  });
  expect((await bed.nodes()).map(({ status }) => status.phase)).toEqual(['Ready']);
  await bed.server.configMaps.delete({ namespace: 'ns', name: 'net-peers' });
  await bed.run(70_000);
  expect(await isReady(bed)).toBe(true);
});

test('a variable that nobody has a value for is told of once for each revision', async () => {
  const bed = await setUp({ zones: ['z1'] });
  const stop = bed.startOperator();
  await bed.makeNetwork({
    client: { ...client, args: ['$(PEERS)', '$(WHO)'] },
    placements: [placement('here', 1)],
  });
  await bed.run(30_000);
  const first = '$(PEERS) in client.args has no value; $(WHO) in client.args has no value: it stays as it is';
  expect(await bed.notes('UnknownVariable')).toEqual([first]);
  stop();
  bed.startOperator();
  await bed.run(700_000);
  expect(await bed.notes('UnknownVariable')).toEqual([first]);
  await bed.changeNetwork({ spec: { client: { args: ['$(WHOM)'] } } });
  await bed.run(30_000);
  expect(await bed.notes('UnknownVariable')).toEqual([
    first,
    '$(WHOM) in client.args has no value: it stays as it is',
  ]);
});
