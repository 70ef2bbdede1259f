import type { RunStep } from '../steps.ts';
import { type AwsSandboxProcess, startAwsSandboxProcess } from './aws-sandbox.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { type Operator, tail } from './operator.ts';

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
export interface Rehearsal extends Pick<Cluster, 'controlPlane' | 'kube' | 'operatorLog' | 'stop'> {
  readonly aws: AwsSandboxProcess;
  /** Starts the operator; one at a time. */
  startOperator(): Promise<Operator>;
  /** Ends the operator without its knowing. */
  killOperator(): Promise<void>;
}

/** Brings up everything but the operator, step by step. Rejects with the failed step, and leaves nothing behind. */
export async function startRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const { run } = options;
  await using stack = new AsyncDisposableStack();
  const cluster = await startCluster(options);
  stack.defer(() => cluster.stop());
  const { controlPlane, kube, home, guard, operatorLog } = cluster;

  let stopping = false;
  const aws = await run({ name: 'AWS sandbox up', withinSeconds: 30 }, () =>
    startAwsSandboxProcess({ args: options.sandboxArgs ?? [], home, onSpawn: guard }),
  );
  stack.defer(() => aws.stop('SIGKILL'));
  void aws.exited.then(() => {
    if (!stopping) options.onLoss(new Error(`the AWS sandbox ended: ${tail(aws.output(), 3).join(' ')}`));
  });
  stack.defer(async () => {
    stopping = true;
    await cluster.stopOperator();
  });
  const lifetime = stack.move();

  return {
    controlPlane,
    aws,
    kube,
    startOperator: () => cluster.startOperator(pretendedAwsEnv(aws.url)),
    killOperator: () => cluster.stopOperator('SIGKILL'),
    operatorLog,
    stop: () => lifetime.disposeAsync(),
  };
}

/** What an operator is told so that the sandbox at `url` is its AWS. */
export function pretendedAwsEnv(url: string) {
  return {
    AWS_ENDPOINT_URL: url,
    AWS_EC2_METADATA_DISABLED: 'true',
    // The addresses of pretended machines are invented, and may be somebody's.
    PEERAGE_PROBE_NODES: 'false',
  };
}
