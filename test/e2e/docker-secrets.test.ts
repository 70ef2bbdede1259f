/** What a Network on Docker takes out of Secrets, and says nothing about: an engine knows no user data. */
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { type Registry, startRegistry } from '../behaviour/docker-registry.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';

describe.skipIf(!dockerdPath())('a Network on Docker with Secrets', () => {
  let stage: DockerStage;
  let registry: Registry;
  let port: number;

  beforeAll(async () => {
    stage = await startDockerStage(['httpd']);
    const { socketPath } = stage.engine;
    registry = await startRegistry(new Docker({ socketPath, host: undefined }), stage.image('haproxy'));
    registry.demand('operator', 'a-planted-password');
    port = await freePort();
  });
  afterAll(async () => {
    await stage.close();
    await registry.stop();
  });

  const secrets = (password: string) => {
    const auth = Buffer.from(`operator:${password}`).toString('base64');
    const logins = Buffer.from(JSON.stringify({ auths: { [registry.host]: { auth } } })).toString('base64');
    return `apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: ${logins}}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {mnemonic: a-planted-secret}
`;
  };
  const network = () => `apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: kept}
spec:
  client:
    image: ${stage.image('httpd')}
    imagePullPolicy: Never
    imagePullSecret: {name: registry}
    env: [{name: MNEMONIC, valueFrom: {secretKeyRef: {name: keys, key: mnemonic}}}]
    files: [{path: /run/keys/mnemonic, valueFrom: {secretKeyRef: {name: keys, key: mnemonic}}}]
    ports: [{name: http, port: 8080}]
    health: {http: {port: http}, intervalSeconds: 5}
  placements:
    - name: here
      credentialRef: {name: engine}
      docker: {haproxyImage: "${registry.host}/team/node:1"}
  balancer: {type: Application, internal: true, drainSeconds: 1, ports: [{port: ${port}, targetPort: http}]}
`;

  test("waits where the login for the balancer's image is wrong, and says so", async () => {
    await stage.apply(secrets('wrong'));
    await stage.apply(network());
    const { status } = await eventually(
      () => stage.network('kept'),
      ({ status: { conditions } }) =>
        conditions?.some(({ message }) => message.includes(`image ${registry.host}/team/node:1`)) === true,
      { withinMs: 60_000, what: 'the image to be refused' },
    );
    expect(JSON.stringify(status)).not.toContain('planted');
  });

  test("fetches the balancer's image with the logins of the clients' image", async () => {
    await stage.apply(secrets('a-planted-password'));
    const reconcile = `peerage.dev/reconcile=${Date.now()}`;
    await stage.kubectl('annotate', 'network', 'kept', reconcile);
    await stage.ready('kept', 120_000);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here\n');
  });

  test('hands its containers their values without secretDelivery, and to nothing else', async () => {
    const [node] = await stage.nodes();
    const id = node?.status.machine?.id ?? '';
    expect(
      await docker(stage.engine, ['exec', id, 'sh', '-c', 'echo $MNEMONIC; cat /run/keys/mnemonic']),
    ).toBe('a-planted-secret\na-planted-secret');
    expect(JSON.stringify([await stage.network('kept'), await stage.nodes()])).not.toContain('planted');
    expect(JSON.stringify(stage.operator().logs())).not.toContain('planted');
  });

  test('shows in docker ps that they are well', async () => {
    await eventually(
      () => docker(stage.engine, ['ps', '--filter', 'name=kept-here', '--format', '{{.Status}}']),
      (status) => status.includes('(healthy)'),
      { withinMs: 60_000, what: 'a healthy container' },
    );
  });
});
