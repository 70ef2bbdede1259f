/** A real API server, a real engine, and a Network on it behind its balancer and its gateway. */
import { must, startCluster } from '../../src/cli/local/cluster.ts';
import { poll } from '../../src/cli/local/poll.ts';
import { createObserver } from '../../src/cli/quickstart/observe.ts';
import type { NodeView } from '../../src/cli/quickstart/table.ts';
import type { RunStep } from '../../src/cli/steps.ts';
import { NETWORKS } from '../../src/controllers/kinds.ts';
import { gatewayPods } from '../../src/planning/gateway.ts';
import { poolOf } from '../../src/planning/gateway-pool.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { type Haproxy, startHaproxy } from '../behaviour/haproxy-process.ts';
import { prepareEngine, startEngine } from '../support/engine.ts';
import { importImage } from '../support/images.ts';
import { prepareProgram } from '../support/programs.ts';
import { type NetworkWish, network } from './docker-manifests.ts';

export interface DockerStageOptions {
  readonly run: RunStep;
  readonly stop: AbortController;
}

export type DockerStage = Awaited<ReturnType<typeof startDockerStage>>;

const namespace = 'default';
const name = 'bench';
const lookEveryMs = 100;

export async function startDockerStage({ run, stop }: DockerStageOptions) {
  await using stack = new AsyncDisposableStack();
  const engine = await run({ name: 'engine and images', withinSeconds: 600 }, async ({ progress }) => {
    await prepareEngine();
    for (const program of ['busybox', 'anvil', 'haproxy'] as const) await prepareProgram(program, progress);
    return await startEngine();
  });
  stack.defer(() => engine.stop());
  const images = {
    anvil: await importImage(engine, 'anvil'),
    haproxy: await importImage(engine, 'haproxy'),
    httpd: await importImage(engine, 'httpd'),
  };
  const cluster = await startCluster({ run, userAgent: 'bench', onLoss: (error) => stop.abort(error) });
  stack.defer(() => cluster.stop());
  const { controlPlane, kube } = cluster;
  await run({ name: 'operator ready', withinSeconds: 60 }, () => cluster.startOperator());
  const observer = createObserver(kube, Date.now);
  const balancerPort = await freePort();
  const common = { host: `unix://${engine.socketPath}`, images, balancerPort };
  const lifetime = stack.move();

  /** The Nodes of the Network, once it says of its newest spec that all of so many are Ready. */
  async function untilReady(replicas: number, signal: AbortSignal, of = name): Promise<readonly NodeView[]> {
    await poll({ everyMs: lookEveryMs, signal }, async () => {
      const seen = await observer.network(namespace, of, signal);
      return seen?.settled === true && seen.readyReplicas === replicas ? true : undefined;
    });
    return nodes(signal, of);
  }

  async function nodes(signal: AbortSignal, of = name): Promise<readonly NodeView[]> {
    return (await observer.world(namespace, signal)).nodes.filter((node) => node.name.startsWith(`${of}-`));
  }

  return {
    engine,
    images,
    balancerPort,
    operatorLog: cluster.operatorLog,
    apply: (wish: NetworkWish) =>
      must(controlPlane, ['apply', '--server-side', '-f', '-'], network({ ...common, name, ...wish })),
    remove: (of: string) =>
      must(controlPlane, ['delete', `networks.peerage.dev/${of}`, '-n', namespace, '--timeout=240s']),
    untilReady,
    nodes,
    /** HAProxy on this host, with what the ConfigMap of the Network's gateway would hold. */
    async startGateway(): Promise<Haproxy & { readonly port: number }> {
      const seen = await kube.resource(NETWORKS).get({ namespace, name });
      if (seen?.parsed.ok !== true) throw new Error(`no Network ${name}`);
      const { metadata, spec } = seen.parsed.value;
      const place = { name: 'here', region: 'docker/engine', desired: 3, ready: 3, address: '127.0.0.1' };
      const haproxy = await startHaproxy((ports) => {
        const gateway = {
          algorithm: 'RoundRobin' as const,
          replicas: 2,
          image: 'haproxy',
          service: { type: 'ClusterIP' as const },
          ports: [{ port: ports.front, balancerPort }],
        };
        const pods = gatewayPods({
          network: { metadata, spec: { ...spec, gateway } },
          pool: poolOf('RoundRobin', [place]),
          families: ['IPv4'],
        });
        const config = Object.values(pods?.configMap.data ?? {})
          .map(String)
          .join('');
        return config.replace(/bind 0\.0\.0\.0:8404/, `bind 127.0.0.1:${ports.stats}`);
      });
      await haproxy.sees('here', 'up');
      return { ...haproxy, port: haproxy.ports.front };
    },
    stop: () => lifetime.disposeAsync(),
  };
}
