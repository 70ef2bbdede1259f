/** Nodes that really peer: btcd on a simnet, in containers of a real engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Node } from '../../src/api/node.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';

const answer = z.object({ result: z.unknown(), error: z.unknown() });
const peerInfo = z.array(z.object({ addr: z.string() }));

async function call(address: string, method: string, ...params: unknown[]): Promise<unknown> {
  const response = await fetch(`http://${address}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('peerage:peerage').toString('base64')}` },
    body: JSON.stringify({ jsonrpc: '1.0', id: 1, method, params }),
    signal: AbortSignal.timeout(5_000),
  });
  const { result, error } = answer.parse(await response.json());
  if (error != null) throw new Error(`${method}: ${JSON.stringify(error)}`);
  return result;
}

const rpcOf = ({ status }: Node) => `${status.machine?.privateAddress}:18556`;

describe.skipIf(!dockerdPath())('a network of btcd nodes', () => {
  let stage: DockerStage;
  let port: number;

  beforeAll(async () => {
    stage = await startDockerStage(['btcd']);
    port = await freePort();
    await stage.apply(`apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: simnet}
spec:
  client:
    image: ${stage.image('btcd')}
    imagePullPolicy: Never
    command: [/bin/sh, -c, 'IFS=,; for boot in $BOOTNODES; do set -- "$@" --addpeer=$boot; done; exec btcd-simnet "$@"']
    env: [{name: BOOTNODES, value: $(BOOTNODES)}]
    ports: [{name: rpc, port: 18556}, {name: p2p, port: 18555}]
  peering: {bootnodes: 2, address: {template: "$(ADDRESS):$(PORT_p2p)"}}
  placements:
    - name: here
      replicas: 3
      credentialRef: {name: engine}
      docker: {haproxyImage: "${stage.image('haproxy')}"}
  balancer: {type: Network, internal: true, drainSeconds: 1, ports: [{port: ${port}, targetPort: rpc}]}
`);
    await stage.ready('simnet');
  });
  afterAll(() => stage.close());

  const isBoot = async () => {
    const { status } = await stage.network('simnet');
    return status.peers ?? [];
  };
  const peersOf = async (node: Node) => peerInfo.parse(await call(rpcOf(node), 'getpeerinfo'));
  /** Each of the three has a connection with both others. */
  const everybodyPeers = () =>
    eventually(
      async () => Promise.all((await stage.nodes()).map(peersOf)),
      (all) => all.length === 3 && all.every((peers) => peers.length >= 2),
      { what: 'three nodes that all know each other' },
    );

  test('all know each other, and the network lists them all', async () => {
    await everybodyPeers();
    const peers = await isBoot();
    expect(peers).toHaveLength(3);
    expect(peers.filter(({ bootnode }) => bootnode)).toHaveLength(2);
  });

  test('a block mined on one is read from another through the balancer', async () => {
    const [first] = await stage.nodes();
    if (first === undefined) throw new Error('there is no node');
    await call(rpcOf(first), 'generate', 1);
    await eventually(
      async () => Promise.all([1, 2, 3, 4, 5, 6].map(() => call(`127.0.0.1:${port}`, 'getblockcount'))),
      (counts) => counts.every((count) => count === 1),
      { what: 'the block from every node' },
    );
  });

  test('a boot node that is killed is replaced by election, and all find each other again', async () => {
    const [eldest] = await isBoot();
    const lost = (await stage.nodes()).find(({ metadata }) => metadata.name === eldest?.node);
    await docker(stage.engine, ['kill', lost?.status.machine?.id ?? '']);
    await eventually(
      isBoot,
      (peers) =>
        peers.length === 3 &&
        peers.filter(({ bootnode }) => bootnode).length === 2 &&
        peers.every(({ node, bootnode }) => node !== eldest?.node || !bootnode),
      { what: 'another boot node in its place' },
    );
    await everybodyPeers();
    const boots = (await isBoot()).filter(({ bootnode }) => bootnode).map(({ outside }) => outside);
    const config = await stage.kubectl(
      'get',
      'configmap',
      'simnet-peers',
      '-o',
      'jsonpath={.data.bootnodes}',
    );
    expect(config.split(',')).toEqual(boots);
  });
});
