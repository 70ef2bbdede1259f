import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type KubeClient } from '../../kube/client.ts';
import { type ControlPlane, startControlPlane } from '../../sandbox/kubernetes/control-plane.ts';
import { findControlPlane } from '../../sandbox/kubernetes/find.ts';
import { startWatchdog } from '../../sandbox/kubernetes/watchdog.ts';
import type { RunStep } from '../steps.ts';
import { type AwsSandboxProcess, startAwsSandboxProcess } from './aws-sandbox.ts';
import { type Operator, startOperator, tail } from './operator.ts';

export interface RehearsalOptions {
  readonly run: RunStep;
  /** How our own calls to the API server name themselves. */
  readonly userAgent: string;
  /** Called when a process that we need ends by itself. */
  readonly onLoss: (error: Error) => void;
  /** Further arguments of `peerage sandbox`. */
  readonly sandboxArgs?: readonly string[];
  /** Keeps the API server's audit log. */
  readonly audit?: boolean;
}

/** A cluster and a pretended AWS on this machine, for the operator to run between. */
export interface Rehearsal {
  readonly controlPlane: ControlPlane;
  readonly aws: AwsSandboxProcess;
  readonly kube: KubeClient;
  /** Starts the operator; one at a time. */
  startOperator(): Promise<Operator>;
  /** Ends the operator without its knowing. */
  killOperator(): Promise<void>;
  /** The end of what the last operator logged. */
  operatorLog(lines: number): string[];
  /** Ends all processes and removes all files. The kernel sees to it where this is never called. */
  stop(): Promise<void>;
}

const crds = join(import.meta.dirname, '../../../crds');

/** Brings up everything but the operator, step by step. Rejects with the failed step, and leaves nothing behind. */
export async function startRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const { run } = options;
  const stack = new AsyncDisposableStack();
  try {
    const programs = await run(
      { name: 'control plane at hand', withinSeconds: 1800 },
      async ({ progress }) => {
        const found = await findControlPlane({ onProgress: progress });
        progress(found.source);
        return found;
      },
    );
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

    let stopping = false;
    const aws = await run({ name: 'AWS sandbox up', withinSeconds: 30 }, () =>
      startAwsSandboxProcess({ args: options.sandboxArgs ?? [], home, onSpawn: watchdog.guard }),
    );
    stack.defer(() => aws.stop('SIGKILL'));
    void aws.exited.then(() => {
      if (!stopping) options.onLoss(new Error(`the AWS sandbox ended: ${tail(aws.output(), 3).join(' ')}`));
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
    stack.defer(async () => {
      wanted = undefined;
      await operator?.stop();
    });
    stack.defer(() => {
      stopping = true;
    });
    const lifetime = stack.move();

    return {
      controlPlane,
      aws,
      kube,
      startOperator: async () => {
        const started = await startOperator({
          kubeconfigPath: controlPlane.kubeconfigPath,
          awsUrl: aws.url,
          home,
          onSpawn: watchdog.guard,
        });
        operator = started;
        wanted = started;
        void started.exited.then(() => {
          if (wanted === started) options.onLoss(new Error('the operator ended by itself'));
        });
        return started;
      },
      killOperator: async () => {
        wanted = undefined;
        await operator?.stop('SIGKILL');
      },
      operatorLog: (lines) => (operator === undefined ? [] : tail(operator.output(), lines)),
      stop: () => lifetime.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
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
