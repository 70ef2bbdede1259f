import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type KubeClient } from '../../kube/client.ts';
import { type ControlPlane, startControlPlane } from '../../sandbox/kubernetes/control-plane.ts';
import { findControlPlane } from '../../sandbox/kubernetes/find.ts';
import { startWatchdog } from '../../sandbox/kubernetes/watchdog.ts';
import type { RunStep } from '../steps.ts';
import { type Operator, startOperator, tail } from './operator.ts';

export interface ClusterOptions {
  readonly run: RunStep;
  /** How our own calls to the API server name themselves. */
  readonly userAgent: string;
  /** Called when a process that we need ends by itself. */
  readonly onLoss: (error: Error) => void;
  /** Keeps the API server's audit log. */
  readonly audit?: boolean;
}

/** A cluster on this machine that knows our kinds, and the operator in it. */
export interface Cluster {
  readonly controlPlane: ControlPlane;
  readonly kube: KubeClient;
  /** An empty folder for processes that belong to it. */
  readonly home: string;
  /** Ends a process when ours is gone, however that came. */
  readonly guard: (pid: number) => void;
  /** Starts the operator, with what its clouds read from the environment; one at a time. */
  startOperator(env?: Readonly<Record<string, string>>): Promise<Operator>;
  /** SIGKILL: the operator does not know what ended it. */
  stopOperator(signal?: NodeJS.Signals): Promise<void>;
  /** The end of what the last operator logged. */
  operatorLog(lines: number): string[];
  /** Ends all processes and removes all files. The kernel sees to it where this is never called. */
  stop(): Promise<void>;
}

const crds = join(import.meta.dirname, '../../../crds');

/** Brings up everything but the operator, step by step. Rejects with the failed step, and leaves nothing behind. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { run, onLoss } = options;
  await using stack = new AsyncDisposableStack();
  const programs = await run({ name: 'control plane at hand', withinSeconds: 1800 }, async ({ progress }) => {
    const found = await findControlPlane({ onProgress: progress });
    progress(found.source);
    return found;
  });
  const controlPlane = await run({ name: 'etcd and kube-apiserver up', withinSeconds: 120 }, () =>
    startControlPlane({ dir: programs.dir, audit: options.audit ?? false }),
  );
  stack.defer(() => controlPlane.stop());

  const home = await mkdtemp(join(tmpdir(), 'peerage-rehearsal-'));
  const watchdog = startWatchdog(home);
  stack.defer(async () => {
    watchdog.release();
    await rm(home, { recursive: true, force: true });
  });

  await run({ name: 'kinds installed', withinSeconds: 60 }, async () => {
    await must(controlPlane, ['apply', '--server-side', '-f', crds]);
    await must(controlPlane, ['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
  });

  const kube = connect({
    kubeconfigPath: controlPlane.kubeconfigPath,
    deadlineMs: 20_000,
    userAgent: options.userAgent,
    env: {},
  });
  stack.defer(() => kube.close());

  let operator: Operator | undefined;
  let wanted: Operator | undefined;
  const stopOperator = async (signal?: NodeJS.Signals) => {
    wanted = undefined;
    await operator?.stop(signal);
  };
  stack.defer(() => stopOperator());
  const lifetime = stack.move();

  return {
    controlPlane,
    kube,
    home,
    guard: watchdog.guard,
    startOperator: async (env = {}) => {
      const { kubeconfigPath } = controlPlane;
      const started = await startOperator({ kubeconfigPath, env, home, onSpawn: watchdog.guard });
      operator = started;
      wanted = started;
      void started.exited.then(() => {
        if (wanted === started) onLoss(new Error('the operator ended by itself'));
      });
      return started;
    },
    stopOperator,
    operatorLog: (lines) => (operator === undefined ? [] : tail(operator.output(), lines)),
    stop: () => lifetime.disposeAsync(),
  };
}

/** kubectl as the administrator; rejects with its own words when it fails. */
export async function must(
  controlPlane: ControlPlane,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const result = await controlPlane.kubectl(args, input === undefined ? {} : { input });
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim()}`);
  return result.stdout;
}
