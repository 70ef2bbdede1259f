/** One operator against the run's API server and a sandbox of AWS, with a namespace and a region of its own for each test. */
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';
import { API_VERSION } from '../../src/api/common.ts';
import type { CloudCredential } from '../../src/api/credential.ts';
import type { Network } from '../../src/api/network.ts';
import type { Node } from '../../src/api/node.ts';
import { type Parsed, parseCredential, parseNetwork, parseNode } from '../../src/api/parse.ts';
import { TAGS } from '../../src/clouds/cloud.ts';
import type { LogEntry } from '../../src/sandbox/aws/journal.ts';
import { type AwsSandbox, type AwsSandboxOptions, startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { createObject, deleteObject, getObject, listObjects, patchObject } from '../support/api.ts';
import { type Deadline, eventually } from '../support/eventually.ts';
import { installKinds } from '../support/kinds.ts';
import { type Operator, startOperator } from '../support/operator.ts';

/** Regions are apart from each other in everything: resources, limits, faults. So each area has one. */
const regions = [
  'us-east-2',
  'us-west-1',
  'us-west-2',
  'ca-central-1',
  'sa-east-1',
  'eu-west-1',
  'eu-west-2',
  'eu-west-3',
  'eu-north-1',
  'eu-south-1',
  'eu-central-1',
  'ap-south-1',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-northeast-3',
  'ap-southeast-1',
  'ap-southeast-2',
  'ap-southeast-3',
  'me-south-1',
  'af-south-1',
] as const;

export interface StageOptions {
  /** As whom the operator comes in; default: the administrator. */
  readonly kubeconfig?: string;
  readonly sandbox?: AwsSandboxOptions;
  readonly env?: Readonly<Record<string, string>>;
}

export type Stage = Awaited<ReturnType<typeof startStage>>;
export type Area = Awaited<ReturnType<typeof openArea>>;

/** Starts it all, with an area of each name: a namespace with the Secret `aws-keys` and the CloudCredential `aws`. */
export async function startStage(names: readonly string[], options: StageOptions = {}) {
  await installKinds();
  const sandbox = await startAwsSandbox({
    bootMs: 300,
    shutdownMs: 300,
    healthMs: 300,
    balancerMs: 300,
    ...options.sandbox,
  });
  const deeds: Deed[] = [];
  // The sandbox's own log shortens parameters.
  sandbox.faults.afterCall(({ region, action, params }, outcome) => {
    if (/^(Describe|Get|AssumeRole)/.test(action)) return;
    const text = Array.from(params.entries(), ([name, value]) => `${name}=${value}`).join(' ');
    deeds.push({ region, action, outcome, params: text });
  });
  const areas = new Map<string, Area>();
  await Promise.all(
    names.map(async (name, index) => {
      const region = regions[index];
      if (region === undefined) throw new Error('a stage has no more areas than it knows regions');
      areas.set(name, await openArea({ name, region, sandbox, deeds }));
    }),
  );
  const namespaces = [...areas.values()].map(({ namespace }) => namespace);
  const start = (env: Readonly<Record<string, string>> = {}): Promise<Operator> =>
    startOperator({
      kubeconfig: options.kubeconfig ?? inject('kubeconfig'),
      env: {
        AWS_ENDPOINT_URL: sandbox.url,
        PEERAGE_WATCH_NAMESPACES: namespaces.join(','),
        PEERAGE_CLUSTER_ID: CLUSTER,
        PEERAGE_INVENTORY_BUSY_SECONDS: '0.5',
        PEERAGE_READ_LAG_WINDOW_SECONDS: '5',
        ...options.env,
        ...env,
      },
    });
  const operator = await start();

  return {
    sandbox,
    operator,
    /** Another operator on the same stage, for when the first was ended; who starts it stops it. */
    start,
    area: (name: string): Area => {
      const area = areas.get(name);
      if (area === undefined) throw new Error(`the stage has no area ${name}`);
      return area;
    },
    /** Takes everything away as a user would, waits until nothing of ours is left in the cloud, and ends. */
    close: async (): Promise<void> => {
      try {
        await Promise.all(namespaces.map((name) => deleteObject(`/api/v1/namespaces/${name}`)));
        await eventually(
          async () =>
            sandbox.ownedResources(TAGS.cluster).filter(({ tags }) => tags[TAGS.cluster] === CLUSTER),
          (left) => left.length === 0,
          { what: 'a sandbox without anything of ours' },
        );
      } finally {
        await operator.stop();
        await sandbox.stop();
      }
    },
  };
}

export const CLUSTER = 'e2e-cluster';

/** A call that changes something, with all its parameters but user data. */
export interface Deed {
  readonly region: string;
  readonly action: string;
  readonly outcome: string;
  readonly params: string;
}

async function openArea({
  name,
  region,
  sandbox,
  deeds,
}: {
  readonly name: string;
  readonly region: string;
  readonly sandbox: AwsSandbox;
  readonly deeds: readonly Deed[];
}) {
  const { metadata } = await createObject('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { generateName: `${name}-` },
  });
  const namespace = metadata.name;
  const accessKeyId = `AKIA${name.replaceAll(/[^a-z0-9]/g, '').toUpperCase()}`;
  const keys = { aws_access_key_id: accessKeyId, aws_secret_access_key: `planted-secret-of-${name}` };
  const pathOf = (plural: string, object?: string) =>
    [
      '',
      'apis',
      API_VERSION,
      'namespaces',
      namespace,
      plural,
      ...(object === undefined ? [] : [object]),
    ].join('/');
  const secretPath = (secret?: string) =>
    ['', 'api/v1/namespaces', namespace, 'secrets', ...(secret === undefined ? [] : [secret])].join('/');

  const area = {
    name,
    namespace,
    region,
    accessKeyId,
    pathOf,
    secretPath,
    secret: (called: string, stringData: Readonly<Record<string, string>>) =>
      createObject(secretPath(), {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: called },
        stringData,
      }),
    credential: (called: string, spec: object = secretCredential) =>
      createObject(pathOf('cloudcredentials'), {
        apiVersion: API_VERSION,
        kind: 'CloudCredential',
        metadata: { name: called },
        spec,
      }),
    /** The usual one: two small machines behind a network balancer in the area's region; members of spec on top. */
    make: (spec: NetworkChange = {}, called = 'dev') =>
      createObject(pathOf('networks'), {
        apiVersion: API_VERSION,
        kind: 'Network',
        metadata: { name: called },
        spec: { ...usualSpec(region), ...spec },
      }),
    change: (patch: object, called = 'dev') => patchObject(pathOf('networks', called), patch),
    /** Makes the operator look at the cloud now. */
    hurry: (called = 'dev') =>
      patchObject(pathOf('networks', called), {
        metadata: { annotations: { 'peerage.dev/reconcile': String(process.hrtime.bigint()) } },
      }),
    network: async (called = 'dev'): Promise<Network | undefined> =>
      parsed(parseNetwork, await getObject(pathOf('networks', called))),
    credentialNow: async (called = 'aws'): Promise<CloudCredential | undefined> =>
      parsed(parseCredential, await getObject(pathOf('cloudcredentials', called))),
    nodes: async (): Promise<readonly Node[]> =>
      (await listObjects(pathOf('nodes'))).flatMap((object) => parsed(parseNode, object) ?? []),
    /** Waits for the Network to be as the predicate says. */
    until: async (
      holds: (network: Network) => unknown,
      { called = 'dev', ...deadline }: Deadline & { readonly called?: string } = {},
    ): Promise<Network> => {
      const found = await eventually(
        () => area.network(called),
        (network) => network !== undefined && holds(network),
        { what: `Network ${called} of ${name}`, ...deadline },
      );
      if (found === undefined) throw new Error(`${called} vanished`);
      return found;
    },
    untilReady: (replicas: number, options: Deadline & { readonly called?: string } = {}): Promise<Network> =>
      area.until((network) => isReady(network) && network.status.readyReplicas === replicas, options),
    untilGone: (called = 'dev') =>
      eventually(
        () => area.network(called),
        (network) => network === undefined,
        { what: `absence of Network ${called} of ${name}` },
      ),
    cloud: () => sandbox.state(region),
    /** Machines that are not ended yet, of whoever. */
    machines: () =>
      sandbox
        .state(region)
        .instances.filter(({ state }) => state !== 'terminated' && state !== 'shutting-down'),
    calls: (): readonly LogEntry[] => sandbox.log.filter((entry) => entry.region === region),
    /** What was asked to be changed, in its order. */
    writes: (): readonly Deed[] => deeds.filter((deed) => deed.region === region),
    owned: () => sandbox.ownedResources(TAGS.cluster).filter((resource) => resource.region === region),
  };
  await area.secret('aws-keys', keys);
  await area.credential('aws');
  return area;
}

/** Rejects as soon as it does not hold any more. For what must not happen there is no other end to wait for. */
export async function stays<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => unknown,
  forMs: number,
): Promise<void> {
  const until = Date.now() + forMs;
  while (Date.now() < until) {
    const value = await read();
    if (holds(value) === false) throw new Error(`it did not stay so: ${JSON.stringify(value)}`);
    await delay(100);
  }
}

export const secretCredential = { aws: { source: 'Secret', secretRef: { name: 'aws-keys' } } };

type NetworkChange = Readonly<Record<string, unknown>>;

export function placementIn(region: string, change: NetworkChange = {}): NetworkChange {
  return {
    name: 'first',
    replicas: 2,
    credentialRef: { name: 'aws' },
    aws: { region, instanceType: 't3.small' },
    ...change,
  };
}

export const client = {
  image: 'ghcr.io/foundry-rs/foundry:v1.7.1',
  command: ['anvil', '--host', '0.0.0.0'],
  ports: [
    { name: 'rpc', port: 8545 },
    { name: 'p2p', port: 30303 },
  ],
};

export function usualSpec(region: string): NetworkChange {
  return {
    client,
    placements: [placementIn(region)],
    balancer: { type: 'Network', ports: [{ port: 8545, targetPort: 'rpc' }], drainSeconds: 1 },
    security: { ingress: [{ ports: ['p2p'], from: ['0.0.0.0/0'] }] },
  };
}

type Conditioned = Pick<Network | Node | CloudCredential, 'status'>;

export function conditionOf({ status }: Conditioned, type: string) {
  return status.conditions?.find((condition) => condition.type === type);
}

/** Ready, and for the spec as it is now. */
export function isReady(
  object: Conditioned & { readonly metadata: { readonly generation: number } },
): boolean {
  return (
    conditionOf(object, 'Ready')?.status === 'True' &&
    object.status.observedGeneration === object.metadata.generation
  );
}

function parsed<T>(parse: (object: unknown) => Parsed<T>, object: unknown): T | undefined {
  if (object === undefined) return undefined;
  const result = parse(object);
  if (!result.ok) throw new Error(`${result.path}: ${result.message}`);
  return result.value;
}
