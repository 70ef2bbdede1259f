import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { API_VERSION } from '../../src/api/common.ts';
import { createObject, deleteObject, patchObject } from '../support/api.ts';
import { auditPosition, by, readAudit } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { apply, kubectl, waitForObject } from '../support/kubectl.ts';
import { type Operator, startOperator } from '../support/operator.ts';
import { refereePath } from '../support/referees.ts';
import { serviceAccountKubeconfig } from '../support/service-account.ts';
import { chartDir, helm, printed } from './chart.ts';

/** The operator as the chart runs it: with the token of its ServiceAccount, and nothing else. */
describe.skipIf(!refereePath('helm'))('with the rights of the chart alone', () => {
  let namespace: string;
  let chains: string;
  let operator: Operator | undefined;

  beforeAll(async () => {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'chart-' } };
    namespace = (await createObject('/api/v1/namespaces', body)).metadata.name;
    chains = (await createObject('/api/v1/namespaces', body)).metadata.name;
  });
  afterEach(async () => {
    await operator?.stop();
    await release('uninstall', 'peerage');
  });
  afterAll(async () => {
    const names = ['cloudcredentials', 'networks', 'nodes'].map((kind) => `${kind}.peerage.dev`);
    await kubectl(['delete', 'crd', '--ignore-not-found', '--timeout=30s', ...names]);
    for (const name of [namespace, chains]) await deleteObject(`/api/v1/namespaces/${name}`);
  });

  const release = (...args: string[]) =>
    printed(helm([...args, '--namespace', namespace], { kubeconfig: inject('kubeconfig') }));

  test.each([
    { where: 'in all namespaces', values: () => [], env: () => ({}) },
    {
      where: 'in one namespace',
      values: () => ['--set', `watchNamespaces={${chains}}`],
      env: () => ({ PEERAGE_WATCH_NAMESPACES: chains }),
    },
  ])('it leads, and is refused nothing it asks for $where', async ({ values, env }) => {
    const { auditLogPath } = inject('controlPlane');
    const position = await auditPosition(auditLogPath);
    await release('install', 'peerage', chartDir, ...values());
    operator = await startOperator({
      kubeconfig: await serviceAccountKubeconfig(namespace, 'peerage'),
      env: { PEERAGE_LEADER_ELECT: 'true', PEERAGE_LEADER_ELECT_NAMESPACE: namespace, ...env() },
    });
    const { metrics } = operator;
    await eventually(metrics, (text) => /^peerage_leader 1$/m.test(text), { what: 'leadership' });

    await apply(networkWithoutCredential, { namespace: chains });
    const path = `/apis/${API_VERSION}/namespaces/${chains}/networks/dev`;
    await waitForObject(path, ({ metadata, status }) => {
      expect(metadata.finalizers).toEqual(['peerage.dev/finalizer']);
      expect(JSON.stringify(status)).toContain('CredentialNotFound');
    });
    await operator.stop();
    await patchObject(path, { metadata: { finalizers: null } });
    await deleteObject(path);

    const user = `system:serviceaccount:${namespace}:peerage`;
    const asked = (await readAudit(auditLogPath, position)).filter(by({ user }));
    expect(asked).not.toHaveLength(0);
    const refused = asked.filter(({ responseStatus }) => responseStatus?.code === 403);
    expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
  });
});

const networkWithoutCredential = `
apiVersion: ${API_VERSION}
kind: Network
metadata: {name: dev}
spec:
  client: {image: anvil, ports: [{name: rpc, port: 8545}]}
  placements:
    - {name: virginia, credentialRef: {name: nobody}, aws: {region: us-east-1, instanceType: t3.small}}
`;
