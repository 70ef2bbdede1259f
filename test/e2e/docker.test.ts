/** A Network on a real engine: real containers behind a real HAProxy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';

describe.skipIf(!dockerdPath())('a Network on a Docker engine', () => {
  let stage: DockerStage;
  let port: number;

  beforeAll(async () => {
    stage = await startDockerStage(['httpd']);
    port = await freePort();
  });
  afterAll(() => stage.close());

  const network = (replicas: number) => `apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: web}
spec:
  client:
    image: ${stage.image('httpd')}
    imagePullPolicy: Never
    ports: [{name: http, port: 8080}]
    health: {http: {port: http, path: /cgi-bin/name}}
  placements:
    - name: here
      replicas: ${replicas}
      credentialRef: {name: engine}
      docker: {haproxyImage: "${stage.image('haproxy')}"}
  balancer: {type: Application, internal: true, drainSeconds: 2, ports: [{port: ${port}, targetPort: http}]}
`;
  const ask = async () => (await fetch(`http://127.0.0.1:${port}/cgi-bin/name`)).text();

  test('comes up: every Node is a container, and the balancer reaches each', async () => {
    await stage.apply(network(3));
    const { status } = await stage.ready('web');
    expect(status).toMatchObject({ readyReplicas: 3, endpoints: [`127.0.0.1:${port}`] });
    const names = new Set<string>();
    for (let times = 0; times < 9; times += 1) names.add(await ask());
    expect(names.size).toBe(3);
    expect(await stage.containers()).toHaveLength(4);
  });

  test('replaces a container that was killed', async () => {
    const [node] = await stage.nodes();
    await docker(stage.engine, ['kill', node?.status.machine?.id ?? '']);
    await eventually(
      async () => (await stage.nodes()).map(({ status }) => status),
      (all) =>
        all.every(({ phase, machine }) => phase === 'Ready' && machine?.id !== node?.status.machine?.id),
      { what: 'another container in its place' },
    );
    expect(await stage.containers()).toHaveLength(4);
  });

  test('scales down and up', async () => {
    await stage.apply(network(1));
    await eventually(stage.containers, (all) => all.length === 2);
    await stage.apply(network(2));
    await stage.ready('web');
    expect(await stage.containers()).toHaveLength(3);
  });

  test('goes without a trace', async () => {
    await stage.kubectl('delete', 'network', 'web', '--timeout=120s');
    expect(await stage.left()).toEqual([]);
  });
});
