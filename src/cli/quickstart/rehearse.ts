import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../local/poll.ts';
import { must, type Rehearsal } from '../local/rehearsal.ts';
import type { Screen } from '../screen.ts';
import { Interrupted, type RunStep, type StepContext } from '../steps.ts';
import type { Example } from './example.ts';
import { createObserver, type Observer } from './observe.ts';
import { renderWorld } from './table.ts';

export interface RehearseOptions {
  readonly rehearsal: Rehearsal;
  readonly run: RunStep;
  readonly screen: Screen;
  readonly network: Example;
  readonly stop: AbortSignal;
  /** Hands over to the user once the Network is Ready, and stays until `stop`. Else goes on to scale and delete. */
  readonly stays: boolean;
}

/** Every resource that the operator makes carries it. */
export const clusterTag = 'peerage-cluster';
const lookEveryMs = 500;

/** The main job from apply to gone. Resolves when all of it worked, or when the user has seen enough. */
export async function rehearse(options: RehearseOptions): Promise<void> {
  const { rehearsal, run, network, stays } = options;
  const { controlPlane } = rehearsal;
  const observer = createObserver(rehearsal.kube, Date.now);

  await run({ name: 'operator ready', withinSeconds: 60 }, () => rehearsal.startOperator());
  await run({ name: 'examples/quickstart.yaml applied', withinSeconds: 60 }, () =>
    must(controlPlane, ['apply', '-f', network.path]),
  );
  await run({ name: `Network ${network.name} Ready`, withinSeconds: 180 }, (context) =>
    untilReady(options, observer, network.replicas, context),
  );
  options.screen.print('', ...whatItIsNot);
  if (stays) {
    await stay(options, observer);
    return;
  }
  options.screen.print('', ...(await table(options, observer, options.stop)), '');

  for (const replicas of [network.replicas + 2, network.replicas - 1]) {
    await run({ name: `scaled to ${replicas}`, withinSeconds: 240 }, async (context) => {
      await must(controlPlane, [
        ...['scale', `networks.peerage.dev/${network.name}`, '-n', network.namespace],
        `--replicas=${replicas}`,
      ]);
      await untilReady(options, observer, replicas, context);
    });
  }
  await run({ name: 'deleted', withinSeconds: 300 }, () =>
    must(controlPlane, ['delete', '-f', network.path, '--wait', '--timeout=290s']),
  );
  await run({ name: 'nothing left in the cloud', withinSeconds: 30 }, async () => {
    const left = await rehearsal.aws.control.ownedResources(clusterTag);
    if (left.length === 0) return;
    throw new Error(`the AWS sandbox still has ${left.map(({ type, id }) => `${type} ${id}`).join(', ')}`);
  });
}

async function untilReady(
  options: RehearseOptions,
  observer: Observer,
  replicas: number,
  { signal, progress, show }: StepContext,
): Promise<void> {
  const { namespace, name } = options.network;
  let told = '';
  await poll({ everyMs: lookEveryMs, signal }, async () => {
    const network = await observer.network(namespace, name, signal);
    if (options.screen.isTerminal) show([...(await table(options, observer, signal)), '']);
    if (network?.current !== true) return undefined;
    if (network.message !== told) progress(network.message);
    told = network.message;
    return network.settled && network.readyReplicas === replicas ? true : undefined;
  });
}

async function stay(options: RehearseOptions, observer: Observer): Promise<void> {
  const { screen, stop } = options;
  screen.print('', ...whatNext(options), '');
  try {
    for (;;) {
      screen.show(await table(options, observer, stop));
      await delay(1_000, undefined, { signal: stop });
    }
  } catch (error) {
    screen.show([]);
    if (!(stop.reason instanceof Interrupted)) throw stop.aborted ? stop.reason : error;
    screen.print('Stopping. All of it was on this machine, and nothing of it stays.');
  }
}

async function table(
  { screen, network }: RehearseOptions,
  observer: Observer,
  signal: AbortSignal,
): Promise<string[]> {
  // Two for the step's own line, and one that the terminal keeps empty.
  return renderWorld(await observer.world(network.namespace, signal), screen.rows - 3);
}

const whatItIsNot = [
  'The API server is real. The machines and their addresses are pretended: nothing answers there, and no client runs.',
  'No Pod runs either, and no controller manager: a namespace that you delete does not go away.',
];

function whatNext({ rehearsal, network }: RehearseOptions): string[] {
  const { kubeconfigPath, kubectlPath } = rehearsal.controlPlane;
  const namespace = network.namespace === 'default' ? '' : ` -n ${network.namespace}`;
  return [
    'It runs. In another terminal:',
    '',
    `  export KUBECONFIG=${kubeconfigPath}`,
    `  export PATH="$PATH:${dirname(kubectlPath)}"   # has kubectl, if you have none`,
    '  kubectl get peerage -A',
    `  kubectl scale pnet/${network.name}${namespace} --replicas=${network.replicas + 2}`,
    `  kubectl describe pnet/${network.name}${namespace}`,
    `  kubectl delete pnet/${network.name}${namespace}`,
    '',
    'Ctrl-C here ends everything.',
  ];
}
