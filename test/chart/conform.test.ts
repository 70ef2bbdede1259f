import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubectl } from '../support/kubectl.ts';
import { refereePath, requireReferee } from '../support/referees.ts';
import { printed, run, template } from './chart.ts';
import { writeSchemas } from './openapi.ts';

/** All that the chart can make at once, but for the ServiceMonitor: that is a kind of somebody else's. */
const everyValue = {
  replicas: 3,
  watchNamespaces: ['default', 'kube-public'],
  imagePullSecrets: [{ name: 'pull' }],
  image: { digest: `sha256:${'a'.repeat(64)}` },
  paused: true,
  clusterId: 'blue',
  serviceAccount: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/peerage' } },
  metrics: { service: { annotations: { 'prometheus.io/scrape': 'true' } } },
  podDisruptionBudget: { maxUnavailable: '50%' },
  extraCa: { secretName: 'authorities' },
  proxy: { httpsProxy: 'http://proxy:3128', noProxy: ['.internal'] },
  extraEnv: [{ name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }],
  extraVolumes: [{ name: 'scratch', emptyDir: {} }],
  extraVolumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
  podAnnotations: { team: 'chains' },
  podLabels: { team: 'chains' },
  priorityClassName: 'system-cluster-critical',
  tolerations: [{ key: 'control', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }],
      },
    },
  },
};

describe.skipIf(!refereePath('helm')).each([
  { name: 'default values', values: {} },
  { name: 'every value', values: everyValue },
])('with $name', ({ values }) => {
  let manifests: string;
  beforeAll(async () => {
    manifests = await printed(template({ values, namespace: 'default' }));
  });

  test('the API server knows every field of every manifest', async () => {
    const dryRun = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
    await kubectl(dryRun, { input: manifests });
    const broken = manifests.replace('readOnlyRootFilesystem', 'readonlyRootFilesystem');
    await expect(kubectl(dryRun, { input: broken })).rejects.toThrow('readonlyRootFilesystem');
  });

  describe.skipIf(!refereePath('kubeconform'))('kubeconform', () => {
    let dir: string;
    let schemas: string;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'peerage-schemas-'));
      schemas = await writeSchemas(dir);
    });
    afterAll(() => rm(dir, { recursive: true, force: true }));

    const conform = (input: string) =>
      run(requireReferee('kubeconform'), ['-strict', '-summary', '-schema-location', schemas, '-'], {
        input,
      });

    test("finds nothing against the server's own OpenAPI documents", async () => {
      const { code, stdout } = await conform(manifests);
      expect(stdout).toMatch(/Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/);
      expect(code).toBe(0);
    });

    test('would find a misspelt field', async () => {
      const broken = manifests.replace('readOnlyRootFilesystem', 'readonlyRootFilesystem');
      const { code, stdout } = await conform(broken);
      expect(stdout).toContain('readonlyRootFilesystem');
      expect(code).not.toBe(0);
    });
  });
});
