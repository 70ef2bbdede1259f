import { createServer } from 'node:net';
import { join } from 'node:path';
import { readClusterId } from '../../kube/cluster-id.ts';
import { belongings, removeBelongings } from '../../sandbox/docker/belongings.ts';
import { freePort } from '../../sandbox/kubernetes/free-port.ts';
import { startCluster } from '../local/cluster.ts';
import { curlOf, runCurl, spell } from './curl.ts';
import { findEngine } from './engine.ts';
import { readExample } from './example.ts';
import { fitTo, readFit } from './fit.ts';
import { bringImages, removeMade } from './images.ts';
import { clusterLimits, clusterTag } from './rehearse.ts';
import type { Stage, StageOptions } from './stage.ts';

const file = join(import.meta.dirname, '../../../examples/docker-network.yaml');

/** Between a real API server and a real Docker engine. */
export async function startOnDocker({
  run,
  onLoss,
  ownEngine,
}: StageOptions & { readonly ownEngine: boolean }): Promise<Stage> {
  const asWritten = await readExample(file);
  await using stack = new AsyncDisposableStack();
  const engine = await run({ name: 'Docker engine at hand', withinSeconds: 90 }, ({ progress }) =>
    findEngine({ own: ownEngine, progress }),
  );
  const { socketPath } = engine;
  stack.defer(() => engine.stop());
  const fit = readFit(asWritten.text);
  const images = await run({ name: 'images at hand', withinSeconds: 1200 }, ({ progress }) =>
    bringImages({ socketPath, wanted: fit.images, progress }),
  );
  if (!engine.isOwn) stack.defer(() => removeMade(socketPath, images));
  let label: string | undefined;
  // Whatever the operator had no time for. An engine of our own goes with all that it has.
  if (!engine.isOwn) stack.defer(async () => void (label && (await removeBelongings(socketPath, label))));
  const cluster = await startCluster({ run, userAgent: 'peerage-quickstart', onLoss });
  stack.defer(() => cluster.stop());
  const ours = `${clusterTag}=${await readClusterId(cluster.kube)}`;
  label = ours;
  const port = (await isFree(fit.port)) ? fit.port : await freePort();
  const host = `unix://${socketPath}`;
  const { text, changes } = fitTo(asWritten.text, { host, images, port });
  const lifetime = stack.move();
  return {
    ...cluster,
    example: { ...asWritten, text, changes },
    cloud: 'engine',
    startOperator: () => cluster.startOperator(),
    tryOut: async (endpoint, { signal }) => {
      const curl = curlOf(`http://${endpoint}`, 'eth_chainId');
      return [`$ ${spell(curl)}`, await runCurl(curl, signal)];
    },
    left: async () => (await belongings(socketPath, ours)).map(({ kind, name }) => `${kind} ${name}`),
    limits: clusterLimits,
    hints: [`docker -H ${host} ps`, 'npm run peerage -- logs NODE -f'],
    stop: () => lifetime.disposeAsync(),
  };
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  const free = await listening;
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
