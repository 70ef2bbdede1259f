/** Nodes that the operator itself asks how they are: containers of a real engine, without a balancer that would. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';
import { stays } from './stage.ts';

describe.skipIf(!dockerdPath())('nodes on an engine', () => {
  let stage: DockerStage;

  beforeAll(async () => {
    stage = await startDockerStage(['httpd'], { PEERAGE_PROBE_NODES: 'true' });
    await stage.apply(networkWith(''));
    await stage.ready('web');
  });
  afterAll(() => stage?.close());

  const networkWith = (remediation: string) => `apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: web}
spec:
  client:
    image: ${stage.image('httpd')}
    imagePullPolicy: Never
    ports: [{name: http, port: 8080}]
    health: {http: {port: http, path: /cgi-bin/name}, intervalSeconds: 5}
  ${remediation}
  placements:
    - name: here
      replicas: 3
      credentialRef: {name: engine}
      docker: {haproxyImage: "${stage.image('haproxy')}"}
`;
  const first = async () => {
    const [node] = (await stage.nodes()).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    if (node === undefined) throw new Error('there is no Node');
    return node;
  };
  const signal = async (name: 'STOP' | 'CONT') =>
    docker(stage.engine, ['exec', (await first()).status.machine?.id ?? '', 'killall', `-${name}`, 'httpd']);
  const phase = async () => (await first()).status.phase;

  test('are Unhealthy when their program hangs, though the engine calls them running', async () => {
    await signal('STOP');
    await eventually(phase, (now) => now === 'Unhealthy');
    const { status } = await first();
    expect(status.machine?.state).toBe('running');
    expect(status.conditions?.find(({ type }) => type === 'Ready')?.message).toMatch(
      /port 8080: no answer within 5 s/,
    );
  });

  test('stay so over a restart of the operator, and are Ready when their program goes on', async () => {
    await stage.restartOperator();
    const unwell = async () =>
      (await stage.nodes()).filter((node) => node.status.phase === 'Unhealthy').length;
    await stays(unwell, (count) => count === 1, 4_000);
    await signal('CONT');
    await eventually(phase, (now) => now === 'Ready');
  });

  test('are replaced when that lasts, where the Network asks for it', async () => {
    await stage.apply(networkWith('remediation: {afterSeconds: 10}'));
    const { metadata, status } = await first();
    await signal('STOP');
    // The one that takes its place may get its name as well.
    await eventually(
      async () => (await stage.nodes()).map((node) => node.metadata.uid),
      (uids) => uids.length === 3 && !uids.includes(metadata.uid),
      { what: `another Node in place of ${metadata.name}` },
    );
    await stage.ready('web');
    expect(await stage.containers()).toHaveLength(3);
    expect(await stage.containers()).not.toContain(status.machine?.id);
    expect(
      await stage.kubectl('get', 'events', '--field-selector', 'reason=Remediated', '-o', 'name'),
    ).toMatch(/event/);
  });
});
