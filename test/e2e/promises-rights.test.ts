/** The rights that the chart grants are exactly those that the operator uses: as its ServiceAccount, with a token of its own. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { chartDir, helm, printed, render } from '../chart/chart.ts';
import { createObject, deleteObject } from '../support/api.ts';
import { type AuditEvent, auditPosition, by, readAudit, verbsUsed } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { refereePath } from '../support/referees.ts';
import { serviceAccountKubeconfig } from '../support/service-account.ts';
import { CLUSTER, placementIn, type Stage, secretCredential, startStage } from './stage.ts';

describe.skipIf(!refereePath('helm'))('the rights of the chart are used, all of them, and no others', () => {
  const { auditLogPath } = inject('controlPlane');
  const named = { crds: { install: false }, fullnameOverride: 'peerage' };
  let stage: Stage;
  let system: string;
  let position: number;

  beforeAll(async () => {
    const { metadata } = await createObject('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { generateName: 'system-' },
    });
    system = metadata.name;
    await release('install', named);
    position = await auditPosition(auditLogPath);
    stage = await startStage(['lender', 'borrower'], {
      kubeconfig: await serviceAccountKubeconfig(system, 'peerage'),
      env: { PEERAGE_LEADER_ELECT: 'true', PEERAGE_LEADER_ELECT_NAMESPACE: system },
    });
    await kubectl(['label', 'namespace', stage.area('borrower').namespace, 'chains=allowed']);
  });
  afterAll(async () => {
    await stage?.close();
    await helm(['uninstall', 'rights', '--namespace', system], { kubeconfig: inject('kubeconfig') });
    await deleteObject(`/api/v1/namespaces/${system}`);
  });

  const release = async (verb: 'install' | 'upgrade', values: object) =>
    printed(
      helm([verb, 'rights', chartDir, '--namespace', system, '--values', '-'], {
        kubeconfig: inject('kubeconfig'),
        input: JSON.stringify(values),
      }),
    );

  const expectExactly = async (values: Readonly<Record<string, unknown>>): Promise<void> => {
    const granted = await rightsOf({ values, namespace: system });
    const asked = async () =>
      (await readAudit(auditLogPath, position)).filter(
        by({ user: `system:serviceaccount:${system}:peerage` }),
      );
    // The server writes a request down a moment after its caller has the answer.
    await eventually(asked, (events) => expect(verbsUsed(withCreates(events))).toEqual(granted), {
      what: 'rights used as granted',
    });
    const refused = (await asked()).filter(({ responseStatus }) => responseStatus?.code === 403);
    expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
  };

  test('in all namespaces', async () => {
    await wholeLife(stage);

    await expectExactly(named);
  });

  test('in the watched namespaces alone, without finalizers on Secrets', async () => {
    await stage.operator.stop();
    const watchNamespaces = ['lender', 'borrower'].map((name) => stage.area(name).namespace);
    const values = { ...named, watchNamespaces, clusterId: CLUSTER, secretFinalizers: false };
    await release('upgrade', values);
    // A Lease that is there is not created.
    await kubectl(['delete', 'lease/peerage-operator'], { namespace: system });
    position = await auditPosition(auditLogPath);
    const operator = await stage.start({ PEERAGE_SECRET_FINALIZERS: 'false' });

    try {
      await wholeLife(stage);

      await expectExactly(values);
    } finally {
      await operator.stop();
    }
  });
});

/** From apply to gone, with a credential of another namespace, a launch of which nobody can say whether it happened, the same thing said twice, and peers that are listed no longer. */
async function wholeLife(stage: Stage): Promise<void> {
  const lender = stage.area('lender');
  const area = stage.area('borrower');
  await lender.credential('lent', {
    ...secretCredential,
    allowedNamespaces: { selector: { matchLabels: { chains: 'allowed' } } },
  });
  const credentialRef = { name: 'lent', namespace: lender.namespace };
  stage.sandbox.faults.add({ action: 'RunInstances', region: area.region, times: 1, dropRequest: true });
  await area.make({
    placements: [placementIn(area.region, { replicas: 1, credentialRef })],
    peering: { address: { template: '$(ADDRESS):$(PORT_p2p)' } },
  });
  await area.untilReady(1);
  await area.change({ spec: { peering: null } });
  await area.until(({ status }) => status.peers === undefined);
  for (const replicas of [2, 1]) {
    await kubectl(['scale', 'pnet/dev', `--replicas=${replicas}`], area);
    await area.untilReady(replicas);
  }
  await kubectl(['delete', 'pnet/dev', '--wait=false'], area);
  await area.untilGone();
  await kubectl(['delete', 'ccred/lent', '--timeout=120s'], lender);
  expect(area.owned()).toEqual([]);
}

/** Who applies what was not there needs the right to create it too, and the server writes down the patch alone. */
function withCreates(events: readonly AuditEvent[]): readonly AuditEvent[] {
  const created = events.filter(
    ({ verb, responseStatus }) => verb === 'patch' && responseStatus?.code === 201,
  );
  return [...events, ...created.map((event) => ({ ...event, verb: 'create' }))];
}

const rulesSchema = z.array(
  z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
);

/** What the chart grants its ServiceAccount, sorted, as RBAC words it: `patch nodes/status.peerage.dev`. */
async function rightsOf(options: Parameters<typeof render>[0]): Promise<string[]> {
  const roles = (await render(options)).filter(
    ({ kind, metadata }) => /Role$/.test(kind) && !/-(view|edit|admin)$/.test(metadata.name),
  );
  const granted = roles.flatMap(({ rules }) =>
    rulesSchema
      .parse(rules)
      .flatMap(({ apiGroups, resources, verbs }) =>
        verbs.flatMap((verb) =>
          resources.flatMap((resource) =>
            apiGroups.map((group) => `${verb} ${[resource, group].filter(Boolean).join('.')}`),
          ),
        ),
      ),
  );
  return [...new Set(granted)].sort();
}
