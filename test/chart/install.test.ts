import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { createObject, deleteObject, listObjects } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, tryKubectl } from '../support/kubectl.ts';
import { refereePath } from '../support/referees.ts';
import { chartDir, helm, printed, run } from './chart.ts';

const examples = join(import.meta.dirname, '../../examples');
const crdNames = ['cloudcredentials.peerage.dev', 'networks.peerage.dev', 'nodes.peerage.dev'];

/** One release from install to uninstall, in this order: each test goes on where the one before ended. */
describe.skipIf(!refereePath('helm'))('a release', () => {
  let namespace: string;
  let chains: string;
  let work: string;

  const newNamespace = async (labels: Readonly<Record<string, string>> = {}) => {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'chart-', labels } };
    return (await createObject('/api/v1/namespaces', body)).metadata.name;
  };
  const release = (...args: string[]) =>
    printed(helm([...args, '--namespace', namespace], { kubeconfig: inject('kubeconfig') }));
  const crds = async () =>
    (await listObjects('/apis/apiextensions.k8s.io/v1/customresourcedefinitions'))
      .filter(({ metadata }) => metadata.name.endsWith('.peerage.dev'))
      .map(({ metadata }) => `${metadata.name} ${metadata.uid}`);
  const own = async (kinds: string) =>
    (await kubectl(['get', kinds, '-A', '-l', 'app.kubernetes.io/name=peerage', '-o', 'name'])).trim();
  /** What comes of typing the commands of the NOTES one by one. */
  const typed = async (notes: string, namespace: string) => {
    const commands = notes
      .slice(notes.indexOf('\n1. '), notes.indexOf('\nBefore you uninstall'))
      .replaceAll(/^\d\. .*$/gm, '')
      .replaceAll('NAMESPACE', namespace);
    const [, , network] = parseAllDocuments(await readFile(join(examples, 'quickstart.yaml'), 'utf8'));
    await writeFile(join(work, 'network.yaml'), String(network).replace(/^ {2}namespace: .*\n/m, ''));
    // Nothing runs the operator here, and a watch has no end: both are begun only.
    const program = `#!/bin/sh
case "$*" in
*rollout*) exec "$KUBECTL" "$@" --watch=false ;;
*--watch*) timeout 2 "$KUBECTL" "$@"; test $? = 124 ;;
*) exec "$KUBECTL" "$@" ;;
esac
`;
    await writeFile(join(work, 'kubectl'), program, { mode: 0o755 });
    const { kubeconfigPath, kubectlPath } = inject('controlPlane');
    const { code, stderr } = await run('sh', ['-eu', '-c', commands], {
      cwd: work,
      env: {
        KUBECTL: kubectlPath,
        KUBECONFIG: kubeconfigPath,
        HOME: work,
        PATH: `${work}:${process.env.PATH}`,
      },
    });
    await kubectl(['delete', 'pnet,ccred,secret', '--all'], { namespace });
    return { code, stderr };
  };
  const can = async (...question: string[]) => {
    const as = `--as=system:serviceaccount:${namespace}:peerage`;
    return (await tryKubectl(['auth', 'can-i', ...question, as])).code === 0;
  };

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'peerage-chart-'));
    // The strictest of the standards that Kubernetes has for Pods.
    namespace = await newNamespace({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    chains = await newNamespace();
  });

  afterAll(async () => {
    await helm(['uninstall', 'peerage', '--namespace', namespace], { kubeconfig: inject('kubeconfig') });
    await kubectl(['delete', 'crd', '--ignore-not-found', '--timeout=100s', ...crdNames]);
    for (const name of [namespace, chains]) await deleteObject(`/api/v1/namespaces/${name}`);
    await rm(work, { recursive: true, force: true });
  });

  test('installs, and its NOTES say how to go on', async () => {
    const notes = await release('install', 'peerage', chartDir);
    expect(notes).toContain(`kubectl -n ${namespace} rollout status deployment/peerage`);
    expect(await typed(notes, chains)).toEqual({ code: 0, stderr: '' });
    await kubectl(['get', 'deployment/peerage', 'poddisruptionbudget/peerage', 'sa/peerage'], { namespace });
    await kubectl(['get', 'clusterrole/peerage', 'clusterrole/peerage-view', 'clusterrolebinding/peerage']);
  });

  test('establishes the three kinds', async () => {
    expect((await crds()).map((line) => line.split(' ')[0])).toEqual(crdNames);
    await kubectl(['wait', 'crd', ...crdNames, '--for=condition=Established', '--timeout=20s']);
  });

  test('has two Pods that the restricted Pod security standard lets in', async () => {
    const pods = await eventually(
      () => listObjects(`/api/v1/namespaces/${namespace}/pods`),
      ({ length }) => length >= 2,
      { what: 'two Pods' },
    );
    expect(pods).toHaveLength(2);
    // And the standard is enforced.
    const refused = await tryKubectl(['run', 'root', '--image=root', '--dry-run=server'], { namespace });
    expect(refused.stderr).toContain('violates PodSecurity');
  });

  test('gives the operator what its roles say, and no more', async () => {
    expect(await can('watch', 'networks.peerage.dev', '-A')).toBe(true);
    expect(await can('patch', 'nodes.peerage.dev', '--subresource=status', '-n', chains)).toBe(true);
    expect(await can('patch', 'leases.coordination.k8s.io/peerage-operator', '-n', namespace)).toBe(true);
    expect(await can('patch', 'leases.coordination.k8s.io/other', '-n', namespace)).toBe(false);
    expect(await can('get', 'secrets', '-n', chains)).toBe(true);
    expect(await can('list', 'secrets', '-n', chains)).toBe(false);
    expect(await can('delete', 'networks.peerage.dev', '-n', chains)).toBe(false);
    expect(await can('create', 'pods', '-n', namespace)).toBe(false);
  });

  test('brings new versions of the kinds by upgrade, and keeps what exists', async () => {
    const before = await crds();
    const next = join(work, 'next');
    await cp(chartDir, next, { recursive: true });
    const folder = join(next, 'files/crds');
    for (const file of await readdir(folder)) {
      const crd = parse(await readFile(join(folder, file), 'utf8'));
      crd.spec.names.categories.push('upgraded');
      await writeFile(join(folder, file), stringify(crd));
    }
    await release('upgrade', 'peerage', next, '--set', 'replicas=3');
    expect(await crds()).toEqual(before);
    const categories = ['get', 'crd', ...crdNames, '-o', 'jsonpath={.items[*].spec.names.categories}'];
    expect((await kubectl(categories)).match(/upgraded/g)).toHaveLength(3);
    const replicas = ['get', 'deployment/peerage', '-o', 'jsonpath={.spec.replicas}'];
    expect(await kubectl(replicas, { namespace })).toBe('3');
  });

  test('leaves its kinds, and nothing else, when it is uninstalled', async () => {
    const before = await crds();
    await release('uninstall', 'peerage');
    expect(await crds()).toEqual(before);
    expect(await own('deployment,service,serviceaccount,role,rolebinding,poddisruptionbudget')).toBe('');
    expect(await own('clusterrole,clusterrolebinding')).toBe('');
  });

  test('takes over kinds that a release of another name left, when it is told to', async () => {
    const before = await crds();
    const install = ['install', 'other', chartDir, '--set', 'fullnameOverride=peerage'];
    await expect(release(...install)).rejects.toThrow('exists and cannot be imported');
    await release(...install, '--take-ownership');
    expect(await crds()).toEqual(before);
    await release('uninstall', 'other');
  });

  test('has no rights outside of the watched namespaces', async () => {
    const values = ['--set', `watchNamespaces={${chains}}`, '--take-ownership'];
    await release('install', 'peerage', chartDir, ...values);
    expect(await can('get', 'secrets', '-n', chains)).toBe(true);
    expect(await can('list', 'nodes.peerage.dev', '-n', chains)).toBe(true);
    expect(await can('get', 'secrets', '-n', namespace)).toBe(false);
    expect(await can('list', 'nodes.peerage.dev', '-A')).toBe(false);
    expect(await can('get', `namespace/${chains}`, '-n', chains)).toBe(true);
    expect(await can('get', 'namespace/kube-system')).toBe(true);
    expect(await can('get', `namespace/${namespace}`, '-n', namespace)).toBe(false);
  });
});
