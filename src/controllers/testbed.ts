/** The whole operator against an API server, a cloud and a clock in memory, for tests. */
import { onTestFinished } from 'vitest';
import type { Condition } from '../api/common.ts';
import type { CloudCredential } from '../api/credential.ts';
import { ANNOTATIONS } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import type { KubeClient } from '../kube/client.ts';
import { createFakeApi } from '../kube/fake-api.ts';
import type { KubeObject, ObjectName } from '../kube/object.ts';
import type { Resource, ResourceDefinition } from '../kube/resource.ts';
import type { Answer, Probe } from '../probes/probe.ts';
import type { Clock } from '../runtime/clock.ts';
import { createFakeClock } from '../runtime/fake-clock.ts';
import { soleLeader } from '../runtime/leader.ts';
import { type Logger, silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../telemetry.ts';
import { createFakeCloud } from './fake-cloud.ts';
import { CREDENTIALS, NETWORKS, NODES, type Seen } from './kinds.ts';
import { createOperator } from './operator.ts';

export const namespace = 'ns';
/** Default read-lag window of the operator here. */
export const readLagMs = 20_000;

interface KubeEvent extends KubeObject {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly name: string };
  readonly series?: { readonly count: number };
}

const EVENTS: ResourceDefinition<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
  parse: (raw: KubeEvent) => raw,
};

const SECRETS: ResourceDefinition = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
  parse: (raw) => raw,
};

const CONFIG_MAPS: ResourceDefinition<KubeObject & { readonly data?: Readonly<Record<string, string>> }> = {
  ...SECRETS,
  plural: 'configmaps',
  kind: 'ConfigMap',
  parse: (raw) => raw,
};

export type Testbed = Awaited<ReturnType<typeof setUp>>;

/** With the Secret `keys` and the CloudCredential `cred`, unless `bare`. `windowMs`: the read-lag window. */
export async function setUp({
  zones = ['z1', 'z2', 'z3'],
  batchLimit = 100,
  paused = false,
  probeNodes = true,
  bare = false,
  windowMs = readLagMs,
} = {}) {
  const clock = createFakeClock();
  const api = createFakeApi(() => clock.now());
  const line = { delayMs: 0 };
  const client = overWire(api, line, clock);
  const cloud = createFakeCloud({ zones, batchLimit, now: () => clock.now() });
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const probe: Probe = async ({ host, port }, { kind }) => {
    asked.push(`${kind} ${host}:${port}`);
    return answers.get(host) ?? { outcome: 'passed' };
  };
  const server = {
    networks: client.resource(NETWORKS),
    nodes: client.resource(NODES),
    credentials: client.resource(CREDENTIALS),
    secrets: client.resource(SECRETS),
    configMaps: client.resource(CONFIG_MAPS),
  };
  const errors: string[] = [];
  const told: string[] = [];
  const metrics = createMetrics();
  const logger: Logger = {
    ...silentLogger,
    info: ({ node, network }, message) => told.push(`${message}: ${node ?? network}`),
    error: ({ error }, message) => errors.push(`${message}: ${error}`),
  };

  /** Ends with the test, or when called. */
  function startOperator(): () => void {
    const stopping = new AbortController();
    const operator = createOperator({
      client,
      watchNamespaces: undefined,
      cluster: 'c1',
      identity: 'one',
      leadership: soleLeader,
      paused,
      holdSecrets: true,
      nodeConcurrency: 8,
      probeNodes,
      probe,
      inventory: { busyMs: 1_000, restMs: 60_000 },
      sweep: { intervalMs: 600_000, graceMs: 600_000 },
      readLagMs: windowMs,
      openers: { aws: cloud.open },
      random: () => 1,
      clock,
      logger,
      metrics,
    });
    void operator.follow(stopping.signal);
    operator.work(stopping.signal).catch(() => {});
    const stop = () => stopping.abort(new Error('the test is over'));
    onTestFinished(stop);
    return stop;
  }

  const named = (name: string): ObjectName => ({ namespace, name });
  const bed = {
    clock,
    api,
    cloud,
    server,
    /** What each host answers when it is asked how it is; nothing here: that all is well. */
    answers,
    /** Who was asked: `tcp 203.0.113.1:8545`. */
    asked,
    /** What was logged as an error. */
    errors,
    /** What was logged of changes, with the Node or Network it befell: `node is gone: ns/lone`. */
    told,
    startOperator,
    /** What the metric says of the fake cloud, by its other label if it has one: `{running: 1}`, `{'': 0}`. */
    async metric(name: string): Promise<Readonly<Record<string, number>>> {
      const found = (await metrics.scrape()).matchAll(
        new RegExp(`^${name}\\{cloud="aws"(?:,\\w+="(\\w+)")?\\} (\\S+)$`, 'gm'),
      );
      return Object.fromEntries([...found].map(([, label = '', value]) => [label, Number(value)]));
    },
    run: (ms: number) => clock.advance(ms),
    /** From now on each change reaches the caches so much later than the one before it. */
    delayWatches(delayMs: number): void {
      line.delayMs = delayMs;
    },

    makeSecret: (name = 'keys') => server.secrets.create({ metadata: named(name), data: dataOf('first') }),
    changeSecret: (value: string, name = 'keys') =>
      server.secrets.patch(named(name), { data: dataOf(value) }, { type: 'merge' }),
    makeCredential: () =>
      server.credentials.create({
        metadata: named('cred'),
        spec: { aws: { source: 'Secret', secretRef: { name: 'keys' } } },
      }),
    makeNetwork: (spec: object = {}) =>
      server.networks.create({ metadata: named('net'), spec: { ...networkSpec(1), ...spec } }),
    /** A standalone one. */
    makeNode: (annotations: Readonly<Record<string, string>> = {}, name = 'lone') =>
      server.nodes.create({
        metadata: { ...named(name), annotations },
        spec: { credentialRef, client: program, aws: place },
      }),
    changeNetwork: (patch: object) => server.networks.patch(named('net'), patch, { type: 'merge' }),
    /** Gives the annotation that asks for a look now a new value. */
    async ask<T extends KubeObject>(resource: Resource<T>, name: string): Promise<void> {
      const annotations = { [ANNOTATIONS.reconcile]: String(clock.now() + api.calls.length) };
      await resource.patch(named(name), { metadata: { annotations } }, { type: 'merge' });
    },
    network: async (): Promise<Network> => parsedOf(await server.networks.get(named('net'))),
    node: async (name = 'lone'): Promise<Node> => parsedOf(await server.nodes.get(named(name))),
    nodes: async (): Promise<readonly Node[]> => (await server.nodes.list()).items.map(parsedOf),
    /** Notes of the Events with this reason, in their order. */
    notes: async (reason: string): Promise<readonly string[]> =>
      (await client.resource(EVENTS).list()).items.flatMap((event) =>
        event.reason === reason ? [event.note ?? ''] : [],
      ),
    credential: async (): Promise<CloudCredential> => parsedOf(await server.credentials.get(named('cred'))),
    /** As `Network net InvalidRequest: its note`, oldest first. */
    warnings: async (): Promise<readonly string[]> =>
      (await client.resource(EVENTS).list()).items
        .filter(({ type }) => type === 'Warning')
        .map(
          ({ regarding: { kind, name }, reason, note, series }) =>
            `${kind} ${name} ${reason}: ${note}${series === undefined ? '' : ` (x${series.count})`}`,
        ),
    /** Writes of any status since `from`, a length of `api.calls`: an object is named once for each. */
    patchesSince: (from: number) =>
      api.calls.slice(from).filter((call) => call.startsWith('patch ') && !call.includes(' events ')),
  };
  if (!bare) {
    await bed.makeSecret();
    await bed.makeCredential();
  }
  return bed;
}

export const credentialRef = { name: 'cred' };
export const place = { region: 'us-east-1', instanceType: 't3.small' };
export const program = { image: 'example.com/client:1', ports: [{ name: 'rpc', port: 8545 }] };

/** One placement `here`. */
export function networkSpec(replicas: number) {
  return { client: program, placements: [{ name: 'here', replicas, credentialRef, aws: place }] };
}

export const balancer = { type: 'Network', ports: [{ port: 80, targetPort: 'rpc' }] };

export function conditionOf(
  { status }: { readonly status: { readonly conditions?: readonly Condition[] } },
  type: string,
): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

export function parsedOf<T>(seen: Seen<T> | undefined): T {
  if (seen === undefined) throw new Error('it is not there');
  if (!seen.parsed.ok) throw new Error(seen.parsed.message);
  return seen.parsed.value;
}

function dataOf(value: string) {
  return { aws_access_key_id: Buffer.from(value).toString('base64') };
}

/** As over the wire, where what is undefined is absent, and where changes may be slow to arrive. */
function overWire(client: KubeClient, line: { readonly delayMs: number }, clock: Clock): KubeClient {
  return {
    ...client,
    resource<T extends KubeObject>(definition: ResourceDefinition<T>): Resource<T> {
      const resource = client.resource({
        ...definition,
        parse: (raw) => definition.parse(JSON.parse(JSON.stringify(raw))),
      });
      return {
        ...resource,
        async *watch(options) {
          for await (const event of resource.watch(options)) {
            if (line.delayMs > 0) await clock.sleep(line.delayMs, options.signal);
            yield event;
          }
        },
      };
    },
  };
}
