import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { type ControlPlane, startControlPlane } from '../../src/sandbox/kubernetes/control-plane.ts';
import { chartDir, helm, helmPath, kubeconformPath, one, render, run, template } from './chart.ts';
import { writeSchemas } from './openapi.ts';

const namespace = 'peerage-system';
const workloadSchema = z.object({ template: z.object({ spec: z.record(z.string(), z.unknown()) }) });
/** Everything that the chart can make at once. Its ServiceMonitor is a kind that a bare API server does not have. */
const everything = {
  replicas: 3,
  watchNamespaces: ['chains', 'games'],
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

describe.skipIf(helmPath === undefined)('chart on a real API server', { timeout: 60_000 }, () => {
  let cluster: ControlPlane;
  let work: string;
  let schemasWritten: Promise<string> | undefined;

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'peerage-chart-'));
    cluster = await startControlPlane();
    for (const name of [namespace, 'chains', 'games'])
      await ok(cluster.kubectl(['create', 'namespace', name]));
    // The strictest of the standards that Kubernetes has for Pods.
    const enforce = 'pod-security.kubernetes.io/enforce=restricted';
    await ok(cluster.kubectl(['label', 'namespace', namespace, enforce]));
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    await rm(work, { recursive: true, force: true });
  });

  async function ok(outcome: Promise<{ code: number; stdout: string; stderr: string }>): Promise<string> {
    const { code, stdout, stderr } = await outcome;
    if (code !== 0) throw new Error(`${stderr}${stdout}`);
    return stdout;
  }
  const kubectl = (args: readonly string[], input?: string) =>
    ok(cluster.kubectl(args, input === undefined ? {} : { input }));
  const release = (args: readonly string[]) =>
    ok(helm([...args, '--namespace', namespace], { kubeconfig: cluster.kubeconfigPath }));
  const crdsWithUid = () =>
    kubectl(['get', 'crd', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\\n"}{end}']);

  test.each([
    ['default values', {}],
    ['every value', everything],
  ])('accepts every field of every manifest, with %s', async (_, values) => {
    const manifests = await ok(template({ values }));
    await kubectl(['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'], manifests);
  });

  test.skipIf(kubeconformPath === undefined).each([
    ['default values', {}],
    ['every value', everything],
  ])('conforms to the OpenAPI documents of the server, with %s', async (_, values) => {
    schemasWritten ??= writeSchemas(cluster, join(work, 'schemas'));
    const schemas = await schemasWritten;
    const conform = (input: string) =>
      run(kubeconformPath ?? '', ['-strict', '-summary', '-schema-location', schemas, '-'], { input });
    const manifests = await ok(template({ values }));
    const { code, stdout } = await conform(manifests);
    expect(stdout).toMatch(/Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/);
    expect(code).toBe(0);
    // And it would have found a mistake.
    const broken = await conform(manifests.replace('readOnlyRootFilesystem', 'readonlyRootFilesystem'));
    expect(broken.stdout).toContain('readonlyRootFilesystem');
    expect(broken.code).not.toBe(0);
  });

  test('passes the restricted Pod security standard', async () => {
    const { spec } = workloadSchema.parse(one(await render(), 'Deployment').spec).template;
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'trial', namespace }, spec };
    await kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify(pod));
    // And the standard is enforced.
    const root = { ...pod, spec: { containers: [{ name: 'root', image: 'root' }] } };
    const refused = await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], {
      input: JSON.stringify(root),
    });
    expect(refused.stderr).toContain('violates PodSecurity');
  });

  describe('a release', () => {
    test('installs, with NOTES that lead on', async () => {
      const stdout = await release(['install', 'peerage', chartDir]);
      expect(stdout).toContain(`kubectl -n ${namespace} rollout status deployment/peerage`);
      await kubectl([
        'get',
        '-n',
        namespace,
        'deployment/peerage',
        'poddisruptionbudget/peerage',
        'sa/peerage',
      ]);
      await kubectl(['get', 'clusterrole/peerage', 'clusterrole/peerage-view', 'clusterrolebinding/peerage']);
    });

    test('establishes its kinds', async () => {
      const crds = (await crdsWithUid()).trim().split('\n');
      expect(crds.map((line) => line.split(' ')[0])).toEqual([
        'cloudcredentials.peerage.dev',
        'networks.peerage.dev',
        'nodes.peerage.dev',
      ]);
      await kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=20s']);
    });

    test('gives the service account what its roles say, and no more', async () => {
      const can = async (...question: string[]) => {
        const as = `--as=system:serviceaccount:${namespace}:peerage`;
        return (await cluster.kubectl(['auth', 'can-i', ...question, as])).code === 0;
      };
      expect(await can('watch', 'networks.peerage.dev', '-A')).toBe(true);
      expect(await can('patch', 'nodes.peerage.dev', '--subresource=status', '-n', 'chains')).toBe(true);
      expect(await can('patch', 'leases.coordination.k8s.io/peerage', '-n', namespace)).toBe(true);
      expect(await can('patch', 'leases.coordination.k8s.io/other', '-n', namespace)).toBe(false);
      expect(await can('get', 'secrets', '-n', 'chains')).toBe(true);
      expect(await can('list', 'secrets', '-n', 'chains')).toBe(false);
      expect(await can('delete', 'networks.peerage.dev', '-n', 'chains')).toBe(false);
      expect(await can('create', 'pods', '-n', namespace)).toBe(false);
    });

    test('brings new versions of the kinds by upgrade, and keeps what exists', async () => {
      const before = await crdsWithUid();
      const next = join(work, 'next');
      await cp(chartDir, next, { recursive: true });
      const folder = join(next, 'files/crds');
      for (const file of await readdir(folder)) {
        const crd = parse(await readFile(join(folder, file), 'utf8'));
        crd.spec.names.categories = [...crd.spec.names.categories, 'upgraded'];
        await writeFile(join(folder, file), stringify(crd));
      }
      await release(['upgrade', 'peerage', next, '--set', 'replicas=3']);
      expect(await crdsWithUid()).toBe(before);
      const categories = await kubectl(['get', 'crd', '-o', 'jsonpath={.items[*].spec.names.categories}']);
      expect(categories.match(/upgraded/g)).toHaveLength(3);
      const replicas = ['get', 'deployment/peerage', '-n', namespace, '-o', 'jsonpath={.spec.replicas}'];
      expect(await kubectl(replicas)).toBe('3');
    });

    test('leaves its kinds, and nothing else, when it is uninstalled', async () => {
      const before = await crdsWithUid();
      await release(['uninstall', 'peerage']);
      expect(await crdsWithUid()).toBe(before);
      expect(
        await kubectl(['get', 'all,sa,role,rolebinding,pdb', '-n', namespace, '-o', 'name']),
      ).not.toContain('peerage');
      expect(await kubectl(['get', 'clusterrole,clusterrolebinding', '-o', 'name'])).not.toContain('peerage');
    });

    test('takes its kinds back when it is installed again, now for two namespaces', async () => {
      const before = await crdsWithUid();
      await release(['install', 'peerage', chartDir, '--set', 'watchNamespaces={chains,games}']);
      expect(await crdsWithUid()).toBe(before);
      const as = `--as=system:serviceaccount:${namespace}:peerage`;
      const can = async (where: string) =>
        (await cluster.kubectl(['auth', 'can-i', 'get', 'secrets', '-n', where, as])).code === 0;
      expect([await can('chains'), await can('games'), await can('default')]).toEqual([true, true, false]);
    });
  });
});
