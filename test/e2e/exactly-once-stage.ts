/** What both proofs of "exactly one machine" stand on: a sandbox that lags and loses replies, and a look at every record. */
import { expect, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type AwsSandbox, startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import {
  type ApiObject,
  createObject,
  deleteObject,
  getObject,
  listObjects,
  patchObject,
} from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { installKinds } from '../support/kinds.ts';
import { type KubeGate, openKubeGate, type PatchGate } from '../support/kube-gate.ts';
import { freshNamespace } from '../support/namespace.ts';
import { type Operator, startOperator } from '../support/operator.ts';

const region = 'us-east-1';
const readLagMs = 3_000;
/** The operator's window is longer than the lag it stands for, as five minutes are on AWS. */
const windowSeconds = 8;

const launchRecordSchema = z.object({
  token: z.string(),
  index: z.number(),
  members: z.array(z.string()).optional(),
});

/** A write of `peerage.dev/launch`. */
export interface RecordWrite {
  readonly node: string;
  readonly token: string;
  readonly index: number;
  /** The head's alone: the commit. */
  readonly members: readonly string[] | undefined;
}

const statusSchema = z.object({
  status: z
    .object({
      observedGeneration: z.number().optional(),
      replicas: z.number().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string(), message: z.string() })).optional(),
    })
    .default({}),
});
const machineSchema = z.object({ status: z.object({ machine: z.object({ id: z.string() }) }) });

export interface Stage {
  readonly namespace: string;
  readonly sandbox: AwsSandbox;
  startOperator(): Promise<Operator>;
  /** The most machines that a single Node ever had alive at once. */
  mostMachinesOfANode(): number;
  apply(replicas: number): Promise<void>;
  /** Changes the Network's spec by a merge patch, and waits until it is Ready with so many Nodes. */
  change(spec: unknown, replicas: number): Promise<void>;
  untilReady(replicas: number): Promise<void>;
  nodes(): Promise<readonly ApiObject[]>;
  /** Machines that run or are about to, whatever the lag makes lists say, each as the Node it was launched for and its id. */
  living(): string[];
  /** Nodes' machines by Node name, from their status. */
  machinesOfNodes(): Promise<ReadonlyMap<string, string>>;
  removeAll(): Promise<void>;
}

export async function setStage(gate: PatchGate): Promise<Stage> {
  await installKinds();
  const namespace = await freshNamespace();
  const sandbox = await startAwsSandbox({
    bootMs: 300,
    shutdownMs: 300,
    healthMs: 300,
    balancerMs: 300,
    readLagMs,
  });
  onTestFinished(() => sandbox.stop());
  /** `token/index` -> the Node that was given it. */
  const nodeOf = new Map<string, string>();
  let most = 0;
  const kube: KubeGate = await openKubeGate(async (patch, forward) => {
    const record = recordIn(patch);
    return await gate(patch, async () => {
      if (record !== undefined) nodeOf.set(`${record.token}/${record.index}`, record.node);
      return await forward();
    });
  });
  onTestFinished(() => kube.stop());

  const machines = () =>
    sandbox.state(region).instances.filter(({ tags }) => tags['peerage-cluster'] === namespace);
  const launchedFor = ({ tags, launchIndex }: ReturnType<typeof machines>[number]) => {
    const launch = `${tags['peerage-launch']}/${launchIndex}`;
    return nodeOf.get(launch) ?? `nobody's ${launch}`;
  };
  const isLiving = ({ state }: { readonly state: string }) => state === 'pending' || state === 'running';
  sandbox.faults.afterCall(({ action }) => {
    if (action !== 'RunInstances') return;
    const counts = new Map<string, number>();
    for (const machine of machines().filter(isLiving)) {
      const node = launchedFor(machine);
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    most = Math.max(most, ...counts.values());
  });
  // Every third reply of the call that must not happen twice is lost.
  for (let lost = 2; lost < 100; lost += 3)
    sandbox.faults.add({ action: 'RunInstances', skip: lost, times: 1, lostReply: true });

  const own = `/apis/peerage.dev/v1alpha1/namespaces/${namespace}`;
  const network = `${own}/networks/dev`;
  const stage: Stage = {
    namespace,
    sandbox,
    mostMachinesOfANode: () => most,
    startOperator: () =>
      startOperator({
        kubeconfig: kube.kubeconfigPath,
        env: {
          AWS_ENDPOINT_URL: sandbox.url,
          PEERAGE_WATCH_NAMESPACES: namespace,
          PEERAGE_CLUSTER_ID: namespace,
          PEERAGE_READ_LAG_WINDOW_SECONDS: String(windowSeconds),
          PEERAGE_INVENTORY_BUSY_SECONDS: '1',
        },
      }),
    async apply(replicas) {
      await createObject(`/api/v1/namespaces/${namespace}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'aws-keys' },
        stringData: { aws_access_key_id: 'test', aws_secret_access_key: 'test' },
      });
      await createObject(`${own}/cloudcredentials`, {
        apiVersion: 'peerage.dev/v1alpha1',
        kind: 'CloudCredential',
        metadata: { name: 'aws' },
        spec: { aws: { source: 'Secret', secretRef: { name: 'aws-keys' } } },
      });
      await createObject(`${own}/networks`, networkOf(replicas));
    },
    async change(spec, replicas) {
      await patchObject(network, { spec });
      await stage.untilReady(replicas);
    },
    async untilReady(replicas) {
      await eventually(
        () => getObject(network),
        (found) => found !== undefined && isReady(found, replicas),
        { withinMs: 240_000, what: `Network Ready with ${replicas} Nodes` },
      );
    },
    nodes: () => listObjects(`${own}/nodes`),
    living: () =>
      machines()
        .filter(isLiving)
        .map((machine) => `${launchedFor(machine)} ${machine.id}`),
    async machinesOfNodes() {
      const pairs = (await stage.nodes()).map(
        (node) => [node.metadata.name, machineSchema.parse(node).status.machine.id] as const,
      );
      return new Map(pairs);
    },
    async removeAll() {
      const credential = `${own}/cloudcredentials/aws`;
      await deleteObject(network);
      await deleteObject(credential);
      for (const path of [network, credential])
        await eventually(
          () => getObject(path),
          (found) => found === undefined,
          { withinMs: 240_000, what: `absence of ${path}` },
        );
    },
  };
  return stage;
}

/** As many machines as Nodes: each Node's own, launched for it, distinct, and alive. */
export async function expectOneMachinePerNode(stage: Stage, replicas: number): Promise<void> {
  const machines = await stage.machinesOfNodes();
  expect(machines.size).toBe(replicas);
  const rows = [...machines].map(([node, id]) => `${node} ${id}`);
  expect(stage.living().sort()).toEqual(rows.sort());
}

/** Undefined when the patch is not the write of a launch record. */
export function recordIn({ path, body }: { path: string; body: unknown }): RecordWrite | undefined {
  const node = /\/nodes\/([^/?]+)(\?|$)/.exec(path)?.[1];
  const parsed = z
    .object({ metadata: z.object({ annotations: z.object({ 'peerage.dev/launch': z.string() }) }) })
    .safeParse(body);
  if (node === undefined || !parsed.success) return undefined;
  const text = parsed.data.metadata.annotations['peerage.dev/launch'];
  const { token, index, members } = launchRecordSchema.parse(JSON.parse(text));
  return { node, token, index, members };
}

/** What is left in the cloud of all that was made there, in words. */
export function leftOvers({ sandbox, living }: Stage): string[] {
  const { securityGroups, loadBalancers, targetGroups, listeners, instances } = sandbox.state(region);
  return [
    ...living(),
    ...instances.filter(({ state }) => state !== 'terminated').map(({ id, state }) => `${id} ${state}`),
    ...securityGroups.filter(({ name }) => name !== 'default').map(({ name }) => name),
    ...[...loadBalancers, ...targetGroups, ...listeners].map(({ id }) => id),
    ...sandbox.ownedResources('peerage-cluster').map(({ id }) => id),
  ];
}

function isReady(network: ApiObject, replicas: number): boolean {
  const { status } = statusSchema.parse(network);
  return (
    status.observedGeneration === network.metadata.generation &&
    status.replicas === replicas &&
    (status.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True')
  );
}

function networkOf(replicas: number) {
  return {
    apiVersion: 'peerage.dev/v1alpha1',
    kind: 'Network',
    metadata: { name: 'dev' },
    spec: {
      client: {
        image: 'ghcr.io/foundry-rs/foundry:v1.7.1',
        command: ['anvil'],
        ports: [{ name: 'rpc', port: 8545 }],
        health: { tcp: { port: 'rpc' } },
      },
      placements: [
        {
          name: 'virginia',
          replicas,
          credentialRef: { name: 'aws' },
          aws: { region, instanceType: 't3.small', zones: ['us-east-1a', 'us-east-1b'] },
        },
      ],
      balancer: { type: 'Network', ports: [{ port: 8545, targetPort: 'rpc' }], drainSeconds: 1 },
    },
  };
}

/** A change of spec that keeps all else of the only placement. */
export function placementsWith(replicas: number) {
  return { placements: networkOf(replicas).spec.placements };
}
