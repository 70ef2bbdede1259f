/** Two placements on one engine, whose host has each port once: they share a balancer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';

describe.skipIf(!dockerdPath())('placements on one engine', () => {
  let stage: DockerStage;
  let port: number;

  beforeAll(async () => {
    stage = await startDockerStage(['httpd']);
    port = await freePort();
  });
  afterAll(() => stage.close());

  const network = (scope: string, replicas: Readonly<Record<string, number>>) => {
    const places = Object.entries(replicas).map(
      ([name, count]) => `    - name: ${name}
      replicas: ${count}
      credentialRef: {name: engine}
      docker: {haproxyImage: "${stage.image('haproxy')}"}
`,
    );
    return `apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: web}
spec:
  client:
    image: ${stage.image('httpd')}
    imagePullPolicy: Never
    ports: [{name: http, port: 8080}]
    health: {http: {port: http, path: /cgi-bin/name}}
  placements:
${places.join('')}  balancer:
    type: Application
    scope: ${scope}
    internal: true
    drainSeconds: 2
    ports: [{port: ${port}, targetPort: http}]
`;
  };
  const answers = async (times = 12) => {
    const names = new Set<string>();
    for (let time = 0; time < times; time += 1)
      names.add(await (await fetch(`http://127.0.0.1:${port}/cgi-bin/name`)).text());
    return names;
  };

  test('have one port of the host together', async () => {
    await stage.apply(network('Region', { here: 2, there: 1 }));
    const { status } = await stage.ready('web');
    expect(status).toMatchObject({ readyReplicas: 3, endpoints: [`127.0.0.1:${port}`] });
    expect(status.placements?.map(({ balancer }) => balancer?.sharedWith)).toEqual([['there'], ['here']]);
    expect((await answers()).size).toBe(3);
    expect(await stage.containers()).toHaveLength(4);
  });

  test('keep it while one of them is there, over a restart of the operator', async () => {
    const { status: before } = await stage.network('web');
    await stage.restartOperator();
    await stage.apply(network('Region', { there: 1 }));
    await eventually(stage.containers, (all) => all.length === 2, { withinMs: 60_000 });
    const { status } = await eventually(
      () => stage.network('web'),
      (web) => web.status.placements?.map(({ name }) => name).join() === 'there',
    );
    expect(status.placements?.[0]?.balancer?.id).toBe(before.placements?.[1]?.balancer?.id);
    expect((await answers()).size).toBe(1);
  });

  test('change to a balancer of one placement and back: the port passes from one to the other', async () => {
    for (const [scope, replicas] of [
      ['Placement', { there: 1 }],
      ['Region', { there: 1, here: 1 }],
    ] as const) {
      const { status: before } = await stage.network('web');
      await stage.apply(network(scope, replicas));
      const count = Object.keys(replicas).length;
      const { status } = await eventually(
        () => stage.ready('web'),
        (now) => now.status.placements?.[0]?.balancer?.id !== before.placements?.[0]?.balancer?.id,
        { withinMs: 60_000, what: 'another balancer' },
      );
      expect(status.readyReplicas).toBe(count);
      expect((await answers()).size).toBe(count);
      expect(await stage.containers()).toHaveLength(count + 1);
    }
  });

  test('go without a trace', async () => {
    await stage.kubectl('delete', 'network', 'web', '--timeout=60s');
    expect(await stage.left()).toEqual([]);
  });
});
