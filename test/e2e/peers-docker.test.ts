/** Real containers that are told of each other: in their command, environment and files, by template and by JSON-RPC. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { LABELS } from '../../src/api/names.ts';
import type { Node } from '../../src/api/node.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { startTroubleStage, type TroubleStage } from './docker-trouble-stage.ts';

vi.setConfig({ maxConcurrency: 10 });

/** `name index|bootnodes|peers`, three times the same. */
const told = z.tuple([z.string(), z.string(), z.string()]);

describe.skipIf(!dockerdPath())('peers on an engine', { concurrent: true, timeout: 240_000 }, () => {
  let stage: TroubleStage;

  beforeAll(async () => {
    stage = await startTroubleStage();
  });
  afterAll(() => stage?.close());

  const run = (node: Node, command: string) =>
    docker(stage.engine, ['exec', node.status.machine?.id ?? '', 'sh', '-c', command]);
  const peersOf = async (network: string) => (await stage.network(network)).status.peers ?? [];
  const bootsOf = async (network: string) => (await peersOf(network)).filter(({ bootnode }) => bootnode);
  const configOf = (network: string, key: string) =>
    stage.kubectl('get', 'configmap', `${network}-peers`, '-o', `jsonpath={.data.${key}}`);

  test('each is told of all three boot nodes, wherever it looks, and of itself', async () => {
    const all = '$(NODE_NAME) $(NODE_INDEX)|$(BOOTNODES)|$(PEERS)';
    const client = {
      command: ['sh', '-c', 'echo "$0" >/tmp/told; exec serve', all],
      env: [{ name: 'TOLD', value: all }],
      files: [{ path: '/etc/told', content: all }],
      ports: [
        { name: 'http', port: 8080 },
        { name: 'p2p', port: 30303 },
      ],
    };
    const peering = { bootnodes: 3, address: { template: '$(NODE_NAME)@$(ADDRESS):$(PORT_p2p)' } };
    await stage.make('three', { client, replicas: 5, more: { peering } });
    await stage.ready('three');

    const boots = await bootsOf('three');
    expect(boots).toHaveLength(3);
    expect(await peersOf('three')).toHaveLength(5);
    const inside = boots.map((peer) => peer.inside ?? '');
    expect((await configOf('three', 'bootnodes\\.here')).split(',')).toEqual(inside);
    for (const node of await stage.nodesOf('three')) {
      const { name, labels } = node.metadata;
      const [command, ...same] = told.parse([
        await run(node, 'cat /tmp/told'),
        await run(node, 'echo "$TOLD"'),
        await run(node, 'cat /etc/told'),
      ]);
      expect(same).toEqual([command, command]);
      const [who, bootnodes = '', peers = ''] = command.split('|');
      expect(who).toBe(`${name} ${labels?.[LABELS.index]}`);
      const others = inside.filter((address) => !address.startsWith(`${name}@`));
      if (others.length === 3) expect(bootnodes.split(',')).toEqual(inside);
      // A boot node is told of those that were known before it.
      else for (const one of bootnodes.split(',')) expect(['', ...others]).toContain(one);
      for (const one of peers.split(',')) expect(one).not.toContain(name);
    }

    const [lost] = boots;
    const former = (await stage.nodesOf('three')).find(({ metadata }) => metadata.name === lost?.node);
    await docker(stage.engine, ['rm', '--force', former?.status.machine?.id ?? '']);
    const now = await eventually(
      () => bootsOf('three'),
      (peers) => {
        expect(peers.map(({ node }) => node)).not.toContain(lost?.node);
        expect(peers).toHaveLength(3);
      },
      { withinMs: 90_000, what: 'another boot node' },
    );
    await stage.ready('three');
    const heir = (await stage.nodesOf('three')).find(({ metadata }) => metadata.name === lost?.node);
    if (heir === undefined) throw new Error('its Node is gone');
    const [, bootnodes = ''] = (await run(heir, 'echo "$TOLD"')).split('|');
    expect(bootnodes.split(',')).toEqual(now.map((peer) => peer.inside));
    expect((await configOf('three', 'bootnodes')).split(',')).toEqual(now.map((peer) => peer.outside));
  });

  test('one that is asked tells its own key, and the address that others reach it by takes the place of its own', async () => {
    const answer = `#!/bin/sh
printf 'Content-Type: application/json\\r\\n\\r\\n{"jsonrpc":"2.0","id":1,"result":{"enode":"enode://%s@127.0.0.1:8080"}}' "$(hostname)"
`;
    const client = {
      command: ['sh', '-c', 'cp /etc/rpc /www/cgi-bin/rpc; chmod 755 /www/cgi-bin/rpc; exec serve'],
      env: [{ name: 'BOOTNODES', value: '$(BOOTNODES)' }],
      files: [{ path: '/etc/rpc', content: answer.replaceAll('$(', '$$(') }],
    };
    const jsonRpc = { port: 'http', path: '/cgi-bin/rpc', method: 'admin_nodeInfo', resultPath: 'enode' };
    await stage.make('asked', {
      client,
      docker: { publish: [{ port: 'http' }] },
      replicas: 2,
      more: { peering: { address: { jsonRpc } } },
    });
    await stage.ready('asked');
    const nodes = await stage.nodesOf('asked');
    const peers = await eventually(
      () => peersOf('asked'),
      (found) => found.length === 2,
    );
    for (const { node, inside, outside } of peers) {
      const { addresses = [], machine } = nodes.find(({ metadata }) => metadata.name === node)?.status ?? {};
      const published = addresses.find(({ type }) => type === 'Published');
      expect(inside).toBe(`enode://${node}@${machine?.privateAddress}:8080`);
      expect(outside).toBe(`enode://${node}@127.0.0.1:${published?.hostPort}`);
    }
    const [boot] = peers;
    const other = nodes.find(({ metadata }) => metadata.name !== boot?.node);
    if (other === undefined) throw new Error('there is no other');
    expect(await run(other, 'echo "$BOOTNODES"')).toBe(boot?.inside);
  });

  test('none is replaced while most are unhealthy at once, and the one that stays so is when they are not', async () => {
    const client = {
      ports: [{ name: 'http', port: 8080 }],
      health: { http: { port: 'http', path: '/cgi-bin/name' }, intervalSeconds: 5 },
    };
    await stage.make('most', { client, replicas: 3, more: { remediation: { afterSeconds: 10 } } });
    await stage.ready('most');
    const before = (await stage.nodesOf('most')).toSorted((a, b) =>
      a.metadata.name < b.metadata.name ? -1 : 1,
    );
    const [first, second] = before;
    if (first === undefined || second === undefined) throw new Error('there are too few');
    for (const node of [first, second]) await run(node, 'killall -STOP httpd');
    const words =
      /^1 of 3 Nodes are Ready; 2 of 3 Nodes are unhealthy at once, most-here-\w+ the longest: none is replaced until at most half are/;
    await stage.says('most', 'MostlyUnhealthy', words);
    expect((await stage.nodesOf('most')).map(({ metadata }) => metadata.uid).toSorted()).toEqual(
      before.map(({ metadata }) => metadata.uid).toSorted(),
    );
    await run(first, 'killall -CONT httpd');
    await eventually(
      async () => (await stage.nodesOf('most')).map(({ metadata }) => metadata.uid),
      (uids) => uids.length === 3 && !uids.includes(second.metadata.uid),
      { withinMs: 90_000, what: 'another Node in place of the one that stays unwell' },
    );
    await stage.ready('most');
    const after = (await stage.nodesOf('most')).map(({ metadata }) => metadata.uid);
    expect(after.filter((uid) => before.some(({ metadata }) => metadata.uid === uid))).toHaveLength(2);
  });
});
