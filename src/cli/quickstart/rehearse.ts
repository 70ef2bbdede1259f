import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../local/cluster.ts';
import { poll } from '../local/poll.ts';
import type { Screen } from '../screen.ts';
import { Interrupted, type RunStep, type StepContext } from '../steps.ts';
import { createObserver, type NetworkState, type Observer } from './observe.ts';
import type { Stage } from './stage.ts';
import { renderWorld } from './table.ts';

export interface RehearseOptions {
  readonly stage: Stage;
  readonly run: RunStep;
  readonly screen: Screen;
  readonly stop: AbortSignal;
  /** Hands over to the user once the Network is Ready, and stays until `stop`. Else goes on to scale and delete. */
  readonly stays: boolean;
}

/** Every resource that the operator makes carries it. */
export const clusterTag = 'peerage-cluster';
export const clusterLimits = [
  'No Pod runs, so those of a gateway never come, and no controller manager: a namespace that you delete does not go away.',
  'Nor do Service, ConfigMap and `*-peers` of a deleted Network: a `gateway` under the same name waits for the earlier Service to go.',
];
const lookEveryMs = 500;

/** The main job from apply to gone. Resolves when all of it worked, or when the user has seen enough. */
export async function rehearse(options: RehearseOptions): Promise<void> {
  const { stage, run, screen, stays } = options;
  const { controlPlane, example } = stage;
  const observer = createObserver(stage.kube, Date.now);

  await run({ name: 'operator ready', withinSeconds: 60 }, () => stage.startOperator());
  await run({ name: `${example.file} applied`, withinSeconds: 60 }, async ({ progress }) => {
    for (const change of example.changes ?? []) progress(change);
    await must(controlPlane, ['apply', '-f', '-'], example.text);
  });
  const ready = await run({ name: `Network ${example.name} Ready`, withinSeconds: 180 }, (context) =>
    untilReady(options, observer, example.replicas, context),
  );
  const shown = await tryOut(options, ready);
  screen.print('', ...stage.limits);
  if (stays) {
    await stay(options, observer, shown);
    return;
  }
  screen.print('', ...(await table(options, observer, options.stop)), '', ...shown);

  for (const replicas of [example.replicas + 2, example.replicas - 1]) {
    await run({ name: `scaled to ${replicas}`, withinSeconds: 240 }, async (context) => {
      await must(controlPlane, [
        ...['scale', `networks.peerage.dev/${example.name}`, '-n', example.namespace],
        `--replicas=${replicas}`,
      ]);
      await untilReady(options, observer, replicas, context);
    });
  }
  await run({ name: 'deleted', withinSeconds: 300 }, () =>
    must(controlPlane, ['delete', '-f', '-', '--wait', '--timeout=290s'], example.text),
  );
  await run({ name: `nothing left in the ${stage.cloud}`, withinSeconds: 30 }, async () => {
    const left = await stage.left();
    if (left.length > 0) throw new Error(`the ${stage.cloud} still has ${left.join(', ')}`);
  });
}

/** Answers lines for the user, an empty one behind them. */
async function tryOut({ stage, run }: RehearseOptions, ready: NetworkState): Promise<readonly string[]> {
  const { tryOut: call } = stage;
  const [endpoint] = ready.endpoints;
  if (call === undefined || endpoint === undefined) return [];
  const lines = await run({ name: 'called through the balancer', withinSeconds: 30 }, (context) =>
    call(endpoint, context),
  );
  return [...lines, ''];
}

async function untilReady(
  options: RehearseOptions,
  observer: Observer,
  replicas: number,
  { signal, progress, show }: StepContext,
): Promise<NetworkState> {
  const { namespace, name } = options.stage.example;
  let told = '';
  return await poll({ everyMs: lookEveryMs, signal }, async () => {
    const network = await observer.network(namespace, name, signal);
    if (options.screen.isTerminal) show([...(await table(options, observer, signal)), '']);
    if (network?.current !== true) return undefined;
    if (network.message !== told) progress(network.message);
    told = network.message;
    return network.settled && network.readyReplicas === replicas ? network : undefined;
  });
}

async function stay(options: RehearseOptions, observer: Observer, shown: readonly string[]): Promise<void> {
  const { screen, stop } = options;
  screen.print('', ...shown, ...whatNext(options), '');
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
  { screen, stage: { example } }: RehearseOptions,
  observer: Observer,
  signal: AbortSignal,
): Promise<string[]> {
  // Two for the step's own line, and one that the terminal keeps empty.
  return renderWorld(await observer.world(example.namespace, signal), screen.rows - 3);
}

function whatNext({ stage: { controlPlane, example, hints } }: RehearseOptions): string[] {
  const { kubeconfigPath, kubectlPath } = controlPlane;
  const namespace = example.namespace === 'default' ? '' : ` -n ${example.namespace}`;
  return [
    'It runs. In another terminal:',
    '',
    `  export KUBECONFIG=${kubeconfigPath}`,
    `  export PATH="$PATH:${dirname(kubectlPath)}"   # has kubectl, if you have none`,
    '  kubectl get peerage -A',
    `  kubectl scale pnet/${example.name}${namespace} --replicas=${example.replicas + 2}`,
    `  kubectl describe pnet/${example.name}${namespace}`,
    ...hints.map((line) => `  ${line}`),
    `  kubectl delete pnet/${example.name}${namespace}`,
    '',
    'Ctrl-C here ends everything.',
  ];
}
