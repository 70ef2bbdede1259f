import { existsSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';
import { api, createObject, getObject } from '../support/api.ts';
import { auditPosition, by, isWrite, readAudit, verbsUsed, writesPerObject } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { apply, applyRefused, kubectl, tryKubectl, waitForAbsence } from '../support/kubectl.ts';
import { freshNamespace } from '../support/namespace.ts';
import { serviceAccountKubeconfig } from '../support/service-account.ts';

describe('the control plane of a test run', () => {
  test('answers its version', async () => {
    const { status, body } = await api('GET', '/version');

    expect(status).toBe(200);
    expect(body).toMatchObject({ major: '1', minor: '36' });
  });

  test('keeps what kubectl applies, and refuses unknown fields', async () => {
    const namespace = await freshNamespace();
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\n';

    await apply(`${yaml}data: {colour: green}\n`, { namespace });
    const refusal = await applyRefused(`${yaml}dada: {colour: green}\n`, { namespace });

    const kept = await getObject(`/api/v1/namespaces/${namespace}/configmaps/note`);
    expect(kept).toMatchObject({ data: { colour: 'green' } });
    expect(refusal).toContain('unknown field "dada"');
  });

  test('removes a namespace with all that is in it', async () => {
    const namespace = await freshNamespace();
    await createObject(`/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name: 'note' } });

    await kubectl(['delete', 'namespace', namespace, '--wait=false']);

    await waitForAbsence(`/api/v1/namespaces/${namespace}/configmaps/note`);
    await waitForAbsence(`/api/v1/namespaces/${namespace}`);
  });

  test('writes down who did what to which object', async () => {
    const { auditLogPath } = inject('controlPlane');
    const namespace = await freshNamespace();
    const position = await auditPosition(auditLogPath);

    await kubectl(['create', 'configmap', 'note', `--namespace=${namespace}`]);
    await kubectl(['label', 'configmap', 'note', 'colour=green', `--namespace=${namespace}`]);

    const kubectlWrites = async () =>
      (await readAudit(auditLogPath, position))
        .filter(by({ user: 'peerage-admin', userAgent: 'kubectl', namespace }))
        .filter(isWrite);
    const writes = await eventually(kubectlWrites, (events) => events.length === 2);
    expect(writesPerObject(writes)).toEqual(new Map([[`configmaps ${namespace}/note`, 2]]));
    expect(verbsUsed(writes)).toEqual(['create configmaps', 'patch configmaps']);
  });

  test('grants a service account nothing but what its roles say', async () => {
    const namespace = await freshNamespace();
    await kubectl(['create', 'serviceaccount', 'reader'], { namespace });
    await kubectl(['create', 'role', 'reader', '--verb=list', '--resource=configmaps'], { namespace });
    await kubectl(
      ['create', 'rolebinding', 'reader', '--role=reader', `--serviceaccount=${namespace}:reader`],
      {
        namespace,
      },
    );
    const kubeconfig = await serviceAccountKubeconfig(namespace, 'reader');

    const granted = await tryKubectl(['get', 'configmaps'], { namespace, kubeconfig });
    const withheld = await tryKubectl(['get', 'secrets'], { namespace, kubeconfig });

    expect(granted.code).toBe(0);
    expect(withheld.stderr).toContain(
      `User "system:serviceaccount:${namespace}:reader" cannot list resource "secrets"`,
    );
  });

  test('keeps its files in a folder of its own', () => {
    const { kubeconfigPath } = inject('controlPlane');

    expect(kubeconfigPath).toContain('peerage-control-plane-');
    expect(existsSync(kubeconfigPath)).toBe(true);
  });
});
