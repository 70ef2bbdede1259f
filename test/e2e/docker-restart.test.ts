/** An engine that dies in the middle of things, and an operator that does. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';

describe.skipIf(!dockerdPath())('an engine that is restarted', () => {
  let stage: DockerStage;

  beforeAll(async () => {
    stage = await startDockerStage(['httpd']);
  });
  afterAll(() => stage.close());

  const network = (
    replicas: number,
    { name = 'many', restartPolicy = 'Always' } = {},
  ) => `apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: ${name}}
spec:
  client: {image: "${stage.image('httpd')}", imagePullPolicy: Never, ports: [{name: http, port: 8080}]}
  placements:
    - name: here
      replicas: ${replicas}
      credentialRef: {name: engine}
      docker: {restartPolicy: ${restartPolicy}, volumes: [{name: data, path: /data}]}
`;
  const clientContainers = async () => (await stage.containers()).length;
  const some = (atLeast: number) =>
    eventually(clientContainers, (count) => count >= atLeast, { what: `${atLeast} containers` });

  test('keeps the containers that it starts again, and another follows one that it does not', async () => {
    const policies = { kept: 'Always', replaced: 'OnFailure' };
    for (const [name, restartPolicy] of Object.entries(policies)) {
      await stage.apply(network(1, { name, restartPolicy }));
      await stage.ready(name);
    }
    const machines = async () =>
      Object.fromEntries(
        (await stage.nodes()).map(({ metadata, status }) => [
          metadata.labels?.['peerage.dev/network'] ?? '',
          status.machine?.id ?? '',
        ]),
      );
    const volumes = async () =>
      (await docker(stage.engine, ['volume', 'ls', '--quiet'])).split('\n').toSorted();
    const [before, volumesBefore] = [await machines(), await volumes()];
    // As a host that shuts down does it: containers are asked to end, and end well.
    await stage.engine.restart();
    const after = await eventually(
      machines,
      ({ replaced }) => replaced !== '' && replaced !== before.replaced,
      { withinMs: 90_000, what: 'another container for the one that stays ended' },
    );
    expect(after.kept).toBe(before.kept);
    await stage.ready('replaced');
    await stage.ready('kept');
    const stayed = (await volumes()).filter((name) => volumesBefore.includes(name));
    expect(stayed).toEqual([expect.stringMatching(/^kept-/)]);
    await stage.kubectl('delete', 'network', ...Object.keys(policies), '--timeout=100s');
  });

  test('in the middle of a launch has as many containers as Nodes', async () => {
    await stage.apply(network(20));
    await some(5);
    await stage.engine.kill();
    await delay(2_000);
    await stage.engine.restart();
    await stage.ready('many', 180_000);
    expect(await clientContainers()).toBe(20);
    const ids = new Set((await stage.nodes()).map(({ status }) => status.machine?.id));
    expect(ids.size).toBe(20);
  });

  test('is told of while it is away, and nothing is forgotten', async () => {
    await stage.engine.kill();
    await stage.apply(network(22));
    await eventually(
      () => stage.network('many'),
      ({ status }) => status.conditions?.find(({ type }) => type === 'Ready')?.reason === 'CloudUnavailable',
      { what: 'a word about the engine' },
    );
    await stage.engine.restart();
    await stage.ready('many', 180_000);
    expect(await clientContainers()).toBe(22);
  });

  test('and an operator that is killed meanwhile make no container twice', async () => {
    await stage.apply(network(30));
    await some(24);
    await stage.restartOperator();
    await some(27);
    await stage.engine.kill();
    await stage.restartOperator();
    await stage.engine.restart();
    await stage.ready('many', 180_000);
    expect(await clientContainers()).toBe(30);
  });

  test('in the middle of a removal leaves no container, no network and no volume', async () => {
    const bystander = (
      await docker(stage.engine, ['run', '--detach', '--network=none', stage.image('httpd')])
    ).trim();
    await stage.kubectl('delete', 'network', 'many', '--wait=false');
    await eventually(clientContainers, (count) => count < 28, { what: 'the first to be gone' });
    await stage.engine.kill();
    await stage.restartOperator();
    await stage.engine.restart();
    await stage.kubectl('wait', '--for=delete', 'network/many', '--timeout=180s');
    expect(await stage.left()).toEqual([]);
    expect(await docker(stage.engine, ['ps', '--all', '--quiet', '--no-trunc'])).toContain(bystander);
  });
});
