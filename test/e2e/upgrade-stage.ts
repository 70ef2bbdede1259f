/** Objects and cloud as a version of the operator left them: how they are recorded, and how they are put back. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { API_VERSION } from '../../src/api/common.ts';
import { type AwsSandbox, startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { type SavedRegion, savedRegion } from '../../src/sandbox/aws/saved.ts';
import { createObject, deleteObject, listObjects, patchObject } from '../support/api.ts';
import { installKinds } from '../support/kinds.ts';
import { kubectl } from '../support/kubectl.ts';
import { type Operator, startOperator } from '../support/operator.ts';
import { serviceAccountKubeconfig } from '../support/service-account.ts';
import type { Deed } from './stage.ts';

const file = join(import.meta.dirname, 'upgrade.json');

/** Names in the cloud are made from these two, so they are part of the record. */
export const namespace = 'upgraded';
const cluster = 'upgraded-cluster';
export const regions = ['eu-west-1', 'us-west-2'] as const;

export function pathOf(plural: string, name?: string): string {
  const list = `/apis/${API_VERSION}/namespaces/${namespace}/${plural}`;
  return name === undefined ? list : `${list}/${name}`;
}

const certificateIn = (region: string) => `arn:aws:acm:${region}:123456789012:certificate/upgraded`;

const lists = [
  { kind: 'Secret', apiVersion: 'v1', path: `/api/v1/namespaces/${namespace}/secrets` },
  { kind: 'CloudCredential', apiVersion: API_VERSION, path: pathOf('cloudcredentials') },
  { kind: 'Network', apiVersion: API_VERSION, path: pathOf('networks') },
  { kind: 'Node', apiVersion: API_VERSION, path: pathOf('nodes') },
] as const;

const recordedObject = z.object({
  /** Of the list it is in. */
  path: z.string(),
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    finalizers: z.array(z.string()).default([]),
    ownerReferences: z.array(z.looseObject({})).default([]),
  }),
  spec: z.looseObject({}).optional(),
  status: z.looseObject({}).optional(),
  /** Of a Secret. */
  data: z.record(z.string(), z.string()).optional(),
});

const recordSchema = z.object({
  version: z.string(),
  objects: z.array(recordedObject),
  regions: z.record(z.string(), savedRegion),
});

export interface UpgradeStage {
  readonly sandbox: AwsSandbox;
  /** As whom the operator comes in, and nobody else. It may do everything. */
  readonly user: string;
  /** Calls that change something, as they came in. */
  readonly deeds: readonly Deed[];
  start(): Promise<Operator>;
  stop(): Promise<void>;
}

/** `recording`: what is made is of a past that every clock has behind it. */
export async function openStage({ recording }: { readonly recording: boolean }): Promise<UpgradeStage> {
  await installKinds();
  const quick = { bootMs: 300, shutdownMs: 300, healthMs: 300, balancerMs: 300 };
  const since = Date.now() - Date.parse('2024-01-01T00:00:00Z');
  const sandbox = await startAwsSandbox({
    ...quick,
    certificates: regions.map(certificateIn),
    ...(recording && { clock: { now: () => Date.now() - since } }),
  });
  const deeds: Deed[] = [];
  sandbox.faults.afterCall(({ region, action, params }, outcome) => {
    if (/^(Describe|Get|AssumeRole)/.test(action)) return;
    const text = Array.from(params.entries(), ([name, value]) => `${name}=${value}`).join(' ');
    deeds.push({ region, action, outcome, params: text });
  });
  await createObject('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  await kubectl(['create', 'serviceaccount', 'operator'], { namespace });
  const subject = `--serviceaccount=${namespace}:operator`;
  await kubectl(['create', 'clusterrolebinding', namespace, '--clusterrole=cluster-admin', subject]);
  const kubeconfig = await serviceAccountKubeconfig(namespace, 'operator');
  return {
    sandbox,
    user: `system:serviceaccount:${namespace}:operator`,
    deeds,
    start: () =>
      startOperator({
        kubeconfig,
        env: {
          AWS_ENDPOINT_URL: sandbox.url,
          PEERAGE_WATCH_NAMESPACES: namespace,
          PEERAGE_CLUSTER_ID: cluster,
          PEERAGE_INVENTORY_BUSY_SECONDS: '0.5',
          PEERAGE_INVENTORY_REST_SECONDS: '1',
          PEERAGE_READ_LAG_WINDOW_SECONDS: '5',
          PEERAGE_SWEEP_INTERVAL_SECONDS: '1',
          PEERAGE_SWEEP_GRACE_SECONDS: '2',
        },
      }),
    async stop() {
      await deleteObject(`/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${namespace}`);
      await sandbox.stop();
    },
  };
}

/** Everything in the namespace that users and the operator write. */
async function objectsNow() {
  const found = lists.map(async (list) =>
    (await listObjects(list.path)).map((object) => ({ ...object, ...list })),
  );
  return (await Promise.all(found)).flat();
}

/** `Kind/name` and resourceVersion of each of them. */
export async function versionsNow(): Promise<readonly string[]> {
  const objects = await objectsNow();
  return objects.map(({ kind, metadata }) => `${kind}/${metadata.name} ${metadata.resourceVersion}`).sort();
}

export async function record(sandbox: AwsSandbox, version: string): Promise<void> {
  const saved = regions.map((region): [string, SavedRegion] => [region, sandbox.save(region)]);
  const content = { version, objects: await objectsNow(), regions: Object.fromEntries(saved) };
  await writeFile(file, `${JSON.stringify(recordSchema.parse(content), undefined, 2)}\n`);
}

/** Puts the record into an API server and a cloud that know nothing of it. Answers the version that it is of. */
export async function putBack(sandbox: AwsSandbox): Promise<string> {
  const { version, objects, regions: saved } = recordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  for (const [region, state] of Object.entries(saved)) sandbox.restore(region, state);
  const uids = new Map<string, string>();
  for (const { path, metadata, apiVersion, kind, spec, data } of objects) {
    const { name, labels, finalizers } = metadata;
    const made = await createObject(path, {
      apiVersion,
      kind,
      metadata: { name, labels, finalizers },
      ...(spec && { spec }),
      ...(data && { data }),
    });
    uids.set(metadata.uid, made.metadata.uid);
  }
  // A server gives every object a uid of its own. An upgrade changes none, so all that names one follows.
  const renamed = <T>(value: T): unknown => {
    const text = [...uids].reduce((all, [old, now]) => all.replaceAll(old, now), JSON.stringify(value));
    return JSON.parse(text);
  };
  for (const { path, metadata, status } of objects) {
    const { name, annotations, ownerReferences } = metadata;
    await patchObject(`${path}/${name}`, { metadata: renamed({ annotations, ownerReferences }) });
    if (status !== undefined) await patchObject(`${path}/${name}/status`, { status: renamed(status) });
  }
  return version;
}

/** A Network and a Node that say much of what can be said, each with one machine where they are. */
export async function makeObjects(): Promise<void> {
  const make = (path: string, kind: string, name: string, more: object) =>
    createObject(path, {
      apiVersion: path.startsWith('/api/') ? 'v1' : API_VERSION,
      kind,
      metadata: { name },
      ...more,
    });
  const [ireland, oregon] = regions;
  const keys = { aws_access_key_id: 'AKIAUPGRADED', aws_secret_access_key: 'of-no-account' };
  await make(lists[0].path, 'Secret', 'aws-keys', { stringData: keys });
  await make(lists[0].path, 'Secret', 'chain', { stringData: { key: 'of-no-chain' } });
  const aws = { source: 'Secret', secretRef: { name: 'aws-keys' } };
  await make(pathOf('cloudcredentials'), 'CloudCredential', 'aws', { spec: { aws } });
  const client = {
    image: 'example.org/chain:1',
    command: ['chain', 'run'],
    args: ['--verbose'],
    env: [
      { name: 'CHAIN_ID', value: '1337' },
      { name: 'CHAIN_KEY', valueFrom: { secretKeyRef: { name: 'chain', key: 'key' } } },
    ],
    ports: [
      { name: 'rpc', port: 8545 },
      { name: 'p2p', port: 30303 },
      { name: 'disc', port: 30303, protocol: 'UDP' },
    ],
    health: { http: { port: 'rpc', path: '/health', status: 200 } },
    resources: { cpu: '500m', memory: '512Mi' },
  };
  const place = (name: string, region: string, more: object) => ({
    name,
    credentialRef: { name: 'aws' },
    aws: {
      region,
      instanceType: 't3.small',
      certificates: [{ port: 443, certificateArn: certificateIn(region) }],
      ...more,
    },
  });
  const security = {
    ingress: [{ ports: ['p2p', 'disc'], from: ['0.0.0.0/0'] }],
    egress: [{ protocol: 'TCP', portRange: { from: 1, to: 65_535 }, to: ['0.0.0.0/0'] }],
  };
  await make(pathOf('networks'), 'Network', 'dev', {
    spec: {
      client,
      role: 'Validator',
      init: 'true',
      secretDelivery: 'UserData',
      placements: [
        {
          ...place('ireland', ireland, {
            zones: [`${ireland}a`, `${ireland}b`],
            tags: { team: 'chain', cost: '12' },
            rootVolume: { sizeGiB: 40, throughput: 250 },
            publicIp: true,
            runInstances: { Monitoring: { Enabled: true } },
          }),
          replicas: 2,
        },
        place('oregon', oregon, {
          spot: { maxPrice: '0.05' },
          image: { ssmParameter: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64' },
        }),
      ],
      balancer: {
        type: 'Network',
        ports: [
          { port: 443, targetPort: 'rpc', protocol: 'TLS' },
          { port: 30303, targetPort: 'disc', protocol: 'UDP' },
        ],
        crossZone: true,
        drainSeconds: 1,
        sourceRanges: ['10.0.0.0/8', '192.168.0.0/16'],
      },
      security,
    },
  });
  await make(pathOf('nodes'), 'Node', 'lone', {
    spec: {
      credentialRef: { name: 'aws' },
      client,
      secretDelivery: 'UserData',
      aws: { region: ireland, instanceType: 't3.small' },
      security,
    },
  });
}

/** As a user takes it all away. */
export async function takeAway(): Promise<void> {
  const objects = ['pnet/dev', 'pnode/lone', 'ccred/aws', 'secret/aws-keys'];
  await kubectl(['delete', ...objects, '--timeout=120s'], { namespace });
}
