import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { helm } from '../chart/chart.ts';
import { createObject, deleteObject } from '../support/api.ts';
import { auditPosition, by, readAudit, verbsUsed } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { refereePath } from '../support/referees.ts';
import { serviceAccountKubeconfig } from '../support/service-account.ts';
import { type Stage, startStage } from './stage.ts';

const chart = 'helm/peerage';

/** The whole way of a Network with nothing but the token of the chart's ServiceAccount. */
describe.skipIf(!refereePath('helm'))('the rights of the chart', () => {
  let stage: Stage;
  let system: string;
  let position: number;

  beforeAll(async () => {
    system = (
      await createObject('/api/v1/namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { generateName: 'system-' },
      })
    ).metadata.name;
    const { code, stderr } = await helm(
      [
        'install',
        'rights',
        chart,
        '--namespace',
        system,
        '--set',
        'crds.install=false,fullnameOverride=peerage',
      ],
      { kubeconfig: inject('kubeconfig') },
    );
    if (code !== 0) throw new Error(stderr);
    position = await auditPosition(inject('controlPlane').auditLogPath);
    stage = await startStage(['rights'], {
      kubeconfig: await serviceAccountKubeconfig(system, 'peerage'),
      env: { PEERAGE_LEADER_ELECT: 'true', PEERAGE_LEADER_ELECT_NAMESPACE: system },
    });
  });
  afterAll(async () => {
    await stage?.close();
    await helm(['uninstall', 'rights', '--namespace', system], { kubeconfig: inject('kubeconfig') });
    await deleteObject(`/api/v1/namespaces/${system}`);
  });

  test('are enough from apply to gone, and nothing beyond them is asked for', async () => {
    const area = stage.area('rights');
    await area.make();
    await area.untilReady(2);
    await kubectl(['scale', 'pnet/dev', '--replicas=1'], area);
    await area.untilReady(1);
    await kubectl(['delete', 'pnet/dev', 'ccred/aws', 'secret/aws-keys', '--wait=false'], area);
    await area.untilGone();
    await eventually(
      () => area.credentialNow(),
      (credential) => credential === undefined,
    );
    expect(area.owned()).toEqual([]);
    const asked = await eventually(
      async () =>
        (await readAudit(inject('controlPlane').auditLogPath, position)).filter(
          by({ user: `system:serviceaccount:${system}:peerage` }),
        ),
      (events) =>
        expect(verbsUsed(events)).toEqual(
          expect.arrayContaining(['create nodes.peerage.dev', 'patch secrets']),
        ),
    );
    const refused = asked.filter(({ responseStatus }) => responseStatus?.code === 403);
    expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
  });
});
