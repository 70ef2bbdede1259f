import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../src/config.ts';
import { refereePath } from '../support/referees.ts';
import { chartDir, helm, type Manifest, namesOf, one, render } from './chart.ts';

const rulesSchema = z.array(
  z.object({
    apiGroups: z.array(z.string()),
    resources: z.array(z.string()),
    verbs: z.array(z.string()),
    resourceNames: z.array(z.string()).optional(),
  }),
);
const containerSchema = z.looseObject({
  image: z.string(),
  env: z.array(
    z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.unknown().optional() }),
  ),
});
const deploymentSchema = z.looseObject({
  template: z.looseObject({ spec: z.looseObject({ containers: z.tuple([containerSchema]) }) }),
});

/** `group/resource verb` of every right given. */
function rightsOf({ rules }: Manifest): readonly string[] {
  return rulesSchema
    .parse(rules)
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`)),
      ),
    );
}

function operatorOf(manifests: readonly Manifest[]) {
  return deploymentSchema.parse(one(manifests, 'Deployment').spec).template.spec.containers[0];
}

function envOf(manifests: readonly Manifest[]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(operatorOf(manifests).env.map(({ name, value }) => [name, value]));
}

/** The environment as the operator reads it. */
function parsed(env: Readonly<Record<string, string | undefined>>) {
  const help = parseConfig(['--help'], {});
  const answer = parseConfig([], env);
  if ('config' in help || !('config' in answer)) throw new Error(JSON.stringify(answer));
  return { config: answer.config, help: help.text };
}

describe.skipIf(!refereePath('helm'))('chart', () => {
  test('passes the strict lint', async () => {
    const { code, stdout, stderr } = await helm(['lint', '--strict', chartDir]);
    expect(stdout + stderr).not.toMatch(/WARNING|ERROR/);
    expect(code).toBe(0);
  });

  test('makes these objects, and in its own namespace all that have one', async () => {
    const names = namesOf(await render({ values: { crds: { install: false } } }));
    expect(names).toEqual([
      'ClusterRole peerage',
      'ClusterRole peerage-admin',
      'ClusterRole peerage-edit',
      'ClusterRole peerage-view',
      'ClusterRoleBinding peerage',
      'Deployment peerage-system/peerage',
      'PodDisruptionBudget peerage-system/peerage',
      'Role peerage-system/peerage-leader',
      'RoleBinding peerage-system/peerage-leader',
      'Service peerage-system/peerage-metrics',
      'ServiceAccount peerage-system/peerage',
    ]);
  });

  test('switches objects off one by one', async () => {
    const values = {
      crds: { install: false },
      rbac: { create: false, aggregate: false },
      serviceAccount: { create: false, name: 'mine' },
      metrics: { service: { enabled: false } },
      podDisruptionBudget: { enabled: false },
    };
    expect(namesOf(await render({ values }))).toEqual(['Deployment peerage-system/peerage']);
  });

  test('names objects by release and chart, and never too long', async () => {
    const release = 'a-release-name-as-long-as-helm-allows-53-characters-x';
    const manifests = await render({ release, values: { metrics: { serviceMonitor: { enabled: true } } } });
    for (const { apiVersion, metadata } of manifests) {
      if (apiVersion.startsWith('apiextensions')) continue;
      expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
      expect(metadata.name.length).toBeLessThanOrEqual(63);
    }
    expect(one(await render({ release: 'chains' }), 'Deployment').metadata.name).toBe('chains-peerage');
    const named = await render({ values: { fullnameOverride: 'operator' } });
    expect(one(named, 'Deployment').metadata.name).toBe('operator');
  });

  test('runs two replicas that elect a leader by a Lease in their own namespace', async () => {
    const manifests = await render({ release: 'chains' });
    expect(one(manifests, 'Deployment').spec).toMatchObject({ replicas: 2 });
    const { config } = parsed(envOf(manifests));
    expect(config.leaderElect).toBe(true);
    expect(operatorOf(manifests).env).toContainEqual({
      name: 'PEERAGE_LEADER_ELECT_NAMESPACE',
      valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } },
    });
    const role = one(manifests, 'Role');
    expect(role.metadata.namespace).toBe('peerage-system');
    expect(rightsOf(role).map((right) => right.split(' ')[0])).toEqual(
      Array(3).fill('coordination.k8s.io/leases'),
    );
  });

  test('sets only options that the operator has', async () => {
    const values = {
      watchNamespaces: ['chains', 'games'],
      paused: true,
      secretFinalizers: false,
      clusterId: 'blue',
      log: { level: 'debug' },
      metrics: { port: 9000 },
      extraCa: { secretName: 'authorities', key: 'all.pem' },
    };
    const env = envOf(await render({ values }));
    const { config, help } = parsed(env);
    const set = Object.keys(env).filter((name) => name.startsWith('PEERAGE_'));
    for (const name of set) {
      expect(help).toContain(name.replace('PEERAGE_', '--').replaceAll('_', '-').toLowerCase());
    }
    expect(config).toMatchObject({
      watchNamespaces: ['chains', 'games'],
      paused: true,
      secretFinalizers: false,
      clusterId: 'blue',
      logLevel: 'debug',
      metricsAddress: ':9000',
      healthAddress: ':8081',
      extraCaFile: '/etc/peerage/ca/all.pem',
    });
  });

  test('can do to Secrets no more than get, and patch for the finalizer', async () => {
    const secretRights = async (values: Record<string, unknown>) =>
      (await render({ values }))
        .filter(({ kind, metadata }) => /Role$/.test(kind) && !/-(view|edit|admin)$/.test(metadata.name))
        .flatMap(rightsOf)
        .filter((right) => right.includes('/secrets '));
    expect(await secretRights({})).toEqual(['/secrets get', '/secrets patch']);
    expect(await secretRights({ secretFinalizers: false })).toEqual(['/secrets get']);
    expect(envOf(await render({ values: { secretFinalizers: false } })).PEERAGE_SECRET_FINALIZERS).toBe(
      'false',
    );
  });

  test('never grants a wildcard', async () => {
    for (const role of (await render()).filter(({ kind }) => kind.endsWith('Role'))) {
      expect(JSON.stringify(role.rules)).not.toContain('*');
    }
  });

  test('keeps to the watched namespaces, but for the UID of kube-system', async () => {
    const manifests = await render({ values: { watchNamespaces: ['chains', 'games'] } });
    expect(one(manifests, 'ClusterRole', 'peerage').rules).toEqual([
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
    const moved = rightsOf(one(await render(), 'ClusterRole', 'peerage'));
    const roles = manifests.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'peerage');
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['chains', 'games']);
    for (const role of roles) expect(rightsOf(role)).toEqual(moved);
    const bindings = manifests.filter(
      ({ kind, metadata }) => kind === 'RoleBinding' && metadata.name === 'peerage',
    );
    expect(bindings).toHaveLength(2);
    for (const { subjects } of bindings) {
      expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'peerage', namespace: 'peerage-system' }]);
    }
    expect(envOf(manifests).PEERAGE_WATCH_NAMESPACES).toBe('chains,games');
  });

  test('needs nothing of the cluster when it has a cluster id and watched namespaces', async () => {
    const values = {
      watchNamespaces: ['chains'],
      clusterId: 'blue',
      rbac: { aggregate: false },
      crds: { install: false },
    };
    const kinds = (await render({ values })).map(({ kind }) => kind);
    expect(kinds).toContain('Role');
    expect(kinds.filter((kind) => kind.startsWith('Cluster'))).toEqual([]);
  });

  test('lets admins alone write CloudCredentials, as an ambient one acts as the operator', async () => {
    const manifests = await render();
    const writes = (name: string) =>
      rightsOf(one(manifests, 'ClusterRole', name)).filter((right) => !/ (get|list|watch)$/.test(right));
    expect(writes('peerage-view')).toEqual([]);
    expect(writes('peerage-edit').filter((right) => right.includes('/cloudcredentials '))).toEqual([]);
    expect(writes('peerage-admin')).toContain('peerage.dev/cloudcredentials create');
    expect(one(manifests, 'ClusterRole', 'peerage-admin').metadata.labels).not.toHaveProperty([
      'rbac.authorization.k8s.io/aggregate-to-edit',
    ]);
  });

  test('passes what surrounds the operator on to its container', async () => {
    const values = {
      extraCa: { configMapName: 'authorities', key: 'all.pem' },
      proxy: { httpsProxy: 'http://proxy:3128', noProxy: ['.internal'] },
      extraEnv: [{ name: 'AWS_ENDPOINT_URL', value: 'http://127.0.0.1:5000' }],
      extraVolumes: [{ name: 'scratch', emptyDir: {} }],
      extraVolumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
    };
    const manifests = await render({ values });
    const env = envOf(manifests);
    expect(env).toMatchObject({
      HTTPS_PROXY: 'http://proxy:3128',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:5000',
    });
    // The API server and the metadata addresses never go through a proxy.
    expect(env.NO_PROXY?.split(',')).toEqual(
      expect.arrayContaining(['$(KUBERNETES_SERVICE_HOST)', '169.254.169.254', '.internal']),
    );
    expect(one(manifests, 'Deployment').spec).toMatchObject({
      template: {
        spec: {
          containers: [
            {
              volumeMounts: [
                { name: 'extra-ca', mountPath: '/etc/peerage/ca', readOnly: true },
                { name: 'scratch', mountPath: '/scratch' },
              ],
            },
          ],
          volumes: [
            { name: 'extra-ca', configMap: { name: 'authorities' } },
            { name: 'scratch', emptyDir: {} },
          ],
        },
      },
    });
  });

  test('names the image by digest, else by tag, else by the version of the app', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const image = async (values: Record<string, unknown>) =>
      operatorOf(await render({ values: { image: values } })).image;
    expect(await image({})).toMatch(/^peerage:\d+\.\d+\.\d+$/);
    expect(await image({ tag: 'v1' })).toBe('peerage:v1');
    expect(await image({ tag: 'v1', digest, repository: 'host:5000/peerage' })).toBe(
      `host:5000/peerage@${digest}`,
    );
  });

  test('has the version of package.json', async () => {
    const read = async (path: string) => readFile(join(chartDir, path), 'utf8');
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(await read('../../package.json')));
    expect(parse(await read('Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });

  test('spreads its replicas over machines, by a selector that is filled in where it is missing', async () => {
    const own = { matchLabels: { mine: 'yes' } };
    const constraint = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };
    const values = { topologySpreadConstraints: [constraint, { ...constraint, labelSelector: own }] };
    const { spec } = one(await render({ values }), 'Deployment');
    const matchLabels = { 'app.kubernetes.io/name': 'peerage', 'app.kubernetes.io/instance': 'peerage' };
    expect(spec).toMatchObject({
      selector: { matchLabels },
      template: {
        spec: { topologySpreadConstraints: [{ labelSelector: { matchLabels } }, { labelSelector: own }] },
      },
    });
  });

  test('keeps its own labels when Pods get further ones', async () => {
    const values = { podLabels: { team: 'chains', 'app.kubernetes.io/name': 'other' } };
    expect(one(await render({ values }), 'Deployment').spec).toMatchObject({
      template: { metadata: { labels: { team: 'chains', 'app.kubernetes.io/name': 'peerage' } } },
    });
  });
});

describe.skipIf(!refereePath('helm'))('CRDs of the chart', () => {
  test('are the generated files, marked to be kept', async () => {
    const folder = join(chartDir, 'files/crds');
    const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml'));
    const crds = (await render()).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(files).not.toHaveLength(0);
    expect(crds).toHaveLength(files.length);
    for (const file of files) {
      const generated = parse(await readFile(join(folder, file), 'utf8'));
      const crd = one(crds, 'CustomResourceDefinition', generated.metadata.name);
      expect(crd.spec).toEqual(generated.spec);
      expect(crd.metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    }
  });

  test('can be left out', async () => {
    const manifests = await render({ values: { crds: { install: false } } });
    expect(manifests.filter(({ kind }) => kind === 'CustomResourceDefinition')).toEqual([]);
  });
});
