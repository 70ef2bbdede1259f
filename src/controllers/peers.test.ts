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
const address = { template: '$(ADDRESS):$(PORT_p2p)' };

function peeredSpec(replicas: number, peering: object = {}) {
  return {
    client,
    peering: { address, ...peering },
    placements: [{ name: 'here', replicas, credentialRef, aws: place }],
  };
}

async function started(spec: object): Promise<Testbed> {
  const bed = await setUp({ zones: ['z1'] });
  bed.startOperator();
  await bed.makeNetwork(spec);
  return bed;
}

/** Names of the Nodes of each launch, and what they were told. */
const launches = ({ cloud }: Testbed) =>
  cloud.requests.map(({ rows, workload }) => ({ names: rows.map(({ name }) => name), args: workload.args }));

test('the boot node starts first, and the others with its address', async () => {
  const bed = await started(peeredSpec(3));
  await bed.run(20_000);
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ status: 'True' });
  const [first, second, ...more] = launches(bed);
  expect(first).toMatchObject({ names: [expect.any(String)], args: ['--connect=', '--peers='] });
  expect(second?.names).toHaveLength(2);
  expect(second?.args).toEqual(['--connect=10.0.0.1:30303', '--peers=10.0.0.1:30303']);
  expect(more).toEqual([]);
});
