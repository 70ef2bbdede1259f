/** One Network over two clouds: some of it on Docker, some on AWS. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { api, deleteObject, getObject, listObjects } from '../support/api.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath, type Engine, startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { importImage } from '../support/images.ts';
import { type Area, placementIn, type Stage, startStage } from './stage.ts';

/** As the kubelet does, which this cluster has none of. */
async function readyPods({ namespace }: Area): Promise<number> {
  const pods = await listObjects(`/api/v1/namespaces/${namespace}/pods`);
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() };
  for (const { metadata } of pods)
    await api(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/${metadata.name}/status`,
      { status: { phase: 'Running', conditions: [condition] } },
      'application/strategic-merge-patch+json',
    );
  return pods.length;
}

describe.skipIf(!dockerdPath())('a Network on Docker and AWS', () => {
  let stage: Stage;
  let engine: Engine;
  let area: Area;
  let port: number;

  beforeAll(async () => {
    engine = await startEngine();
    stage = await startStage(['clouds']);
    area = stage.area('clouds');
    port = await freePort();
    await area.credential('engine', { docker: { host: `unix://${engine.socketPath}` } });
    const [image, haproxyImage] = [await importImage(engine, 'httpd'), await importImage(engine, 'haproxy')];
    const publish = [{ port: 'p2p' }];
    await area.make({
      client: {
        image,
        imagePullPolicy: 'IfNotPresent',
        env: [{ name: 'PEERS', value: '$(PEERS)' }],
        ports: [
          { name: 'rpc', port: 8080 },
          { name: 'p2p', port: 30303 },
        ],
      },
      peering: { bootnodes: 2, address: { template: '$(ADDRESS):$(PORT_p2p)' } },
      placements: [
        placementIn(area.region, { name: 'cloud', replicas: 2 }),
        { name: 'here', replicas: 2, credentialRef: { name: 'engine' }, docker: { haproxyImage, publish } },
      ],
      balancer: { type: 'Network', internal: true, ports: [{ port, targetPort: 'rpc' }] },
      gateway: {},
    });
    await eventually(
      () => readyPods(area),
      (count) => count === 2,
      { what: 'the Pods of the gateway' },
    );
    await area.untilReady(4);
  });
  afterAll(async () => {
    try {
      await stage?.close();
    } finally {
      await engine?.stop();
    }
  });

  test('has one list of peers, each by the address that others reach it at', async () => {
    const { status } = await area.untilReady(4);
    const peers = status.peers ?? [];
    expect(peers.map(({ placement }) => placement).toSorted()).toEqual(['cloud', 'cloud', 'here', 'here']);
    expect(peers.filter(({ bootnode }) => bootnode)).toHaveLength(2);
    for (const { placement, outside } of peers)
      expect(outside).toMatch(placement === 'here' ? /^127\.0\.0\.1:\d+$/ : /:30303$/);
  });

  test('has one gateway before the balancers of both', async () => {
    const { status } = await area.untilReady(4);
    const [gateway, ...balancers] = status.endpoints ?? [];
    expect(gateway).toMatch(/^dev-gateway\./);
    expect(balancers).toHaveLength(2);
    const config = JSON.stringify(
      await getObject(`/api/v1/namespaces/${area.namespace}/configmaps/dev-gateway`),
    );
    for (const balancer of balancers) expect(config).toContain(balancer);
  });

  test('goes from both without a trace', async () => {
    await deleteObject(area.pathOf('networks', 'dev'));
    await area.untilGone();
    expect(await docker(engine, ['ps', '--all', '--quiet'])).toBe('');
    expect(await docker(engine, ['network', 'ls', '--quiet', '--filter', 'type=custom'])).toBe('');
    expect(area.machines()).toEqual([]);
  });
});
