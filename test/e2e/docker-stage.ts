/** One operator against the run's API server and Docker engines of its own, each with a credential. */
import { inject } from 'vitest';
import type { Network } from '../../src/api/network.ts';
import type { Node } from '../../src/api/node.ts';
import { type Parsed, parseNetwork, parseNode } from '../../src/api/parse.ts';
import { TAGS } from '../../src/clouds/cloud.ts';
import { createObject, deleteObject, getObject, listObjects } from '../support/api.ts';
import { docker } from '../support/docker-cli.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { importImage } from '../support/images.ts';
import { installKinds } from '../support/kinds.ts';
import { apply, kubectl } from '../support/kubectl.ts';
import { type Operator, startOperator } from '../support/operator.ts';

export type DockerStage = Awaited<ReturnType<typeof startDockerStage>>;

/** A namespace with the CloudCredential `engine`, and the images by name. */
export async function startDockerStage(
  images: readonly Parameters<typeof importImage>[1][],
  env: Readonly<Record<string, string>> = {},
) {
  await installKinds();
  const engine = await startEngine();
  const references = new Map<string, string>();
  for (const name of ['haproxy', ...images] as const) references.set(name, await importImage(engine, name));
  const { metadata } = await createObject('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { generateName: 'docker-' },
  });
  const namespace = metadata.name;
  await apply(
    `apiVersion: peerage.dev/v1alpha1
kind: CloudCredential
metadata: {name: engine}
spec: {docker: {host: "unix://${engine.socketPath}"}}
`,
    { namespace },
  );
  const start = (): Promise<Operator> =>
    startOperator({
      kubeconfig: inject('kubeconfig'),
      env: { PEERAGE_WATCH_NAMESPACES: namespace, ...env },
    });
  let operator = await start();
  const path = (kind: string, name = '') =>
    `/apis/peerage.dev/v1alpha1/namespaces/${namespace}/${kind}${name === '' ? '' : `/${name}`}`;

  return {
    engine,
    namespace,
    image: (name: string): string => references.get(name) ?? '',
    operator: () => operator,
    async restartOperator(): Promise<void> {
      await operator.kill();
      operator = await start();
    },
    apply: (yaml: string) => apply(yaml, { namespace }),
    kubectl: (...args: string[]) => kubectl(args, { namespace }),
    network: async (name: string): Promise<Network> =>
      read(parseNetwork(await getObject(path('networks', name)))),
    nodes: async (): Promise<readonly Node[]> =>
      (await listObjects(path('nodes'))).map((node) => read(parseNode(node))),
    /** Ids of all containers of ours, running or not. */
    containers: (): Promise<readonly string[]> => ours(engine, ['ps', '--all']),
    /** Containers, networks and volumes of ours. */
    async left(): Promise<readonly string[]> {
      const found = [
        ['ps', '--all'],
        ['network', 'ls'],
        ['volume', 'ls'],
      ].map((list) => ours(engine, list));
      return (await Promise.all(found)).flat();
    },
    async ready(name: string, withinMs = 120_000): Promise<Network> {
      return await eventually(
        async () => read(parseNetwork(await getObject(path('networks', name)))),
        ({ metadata, status }) =>
          status.observedGeneration === metadata.generation &&
          status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
        { withinMs, what: `${name} to be Ready` },
      );
    },
    async close(): Promise<void> {
      try {
        await deleteObject(`/api/v1/namespaces/${namespace}`);
      } finally {
        await operator.stop();
        await engine.stop();
      }
    },
  };
}

async function ours(engine: Engine, list: readonly string[]): Promise<readonly string[]> {
  const out = await docker(engine, [...list, '--quiet', '--filter', `label=${TAGS.cluster}`]);
  return out.split('\n').filter((line) => line !== '');
}

function read<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.message);
}
