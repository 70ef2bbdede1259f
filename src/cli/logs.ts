import { type Command, InvalidArgumentError } from 'commander';
import { connect } from '../kube/client.ts';
import { describeError } from '../runtime/errors.ts';
import { openLogs } from './logs/open.ts';
import { printLogs } from './logs/print.ts';
import { wholeNumber } from './sandbox.ts';

interface Options {
  readonly follow?: boolean;
  readonly since?: number;
  readonly tail?: number;
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

const deadlineMs = 30_000;

export function addLogs(program: Command): void {
  program
    .command('logs')
    .description(
      'print what the client of a Node wrote, read from its cloud with the credential that the Node names',
    )
    .argument('<node>', 'name of the Node')
    .option('-f, --follow', 'go on until the machine ends, or Ctrl-C')
    .option('--since <duration>', 'only what is newer than this: 30s, 10m, 1h30m', duration)
    .option('--tail <n>', 'only the last lines', wholeNumber)
    .option('-n, --namespace <name>', "of the Node; default: the context's")
    .option('--kubeconfig <path>', 'default: KUBECONFIG, then ~/.kube/config')
    .option('--context <name>', "default: the kubeconfig's current one")
    .action(async (node: string, options: Options) => {
      process.exitCode = await logs(node, options);
      // A connection that is kept open would hold the shell.
      process.exit();
    });
}

/** Answers the exit code. */
async function logs(name: string, options: Options): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  const interrupted = { code: 0 };
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(name, () => {
      interrupted.code = code;
      stop.abort();
    });
  }
  // Whoever reads has seen enough: `peerage logs a | head`.
  process.stdout.on('error', () => stop.abort());
  try {
    const { follow = false, since, tail, namespace, kubeconfig, context } = options;
    const kube = connect({ kubeconfigPath: kubeconfig, context, deadlineMs, userAgent: 'peerage-logs' });
    const node = { namespace: namespace ?? kube.namespace ?? 'default', name };
    const read = await openLogs({ kube, node, signal });
    const asked = {
      follow,
      ...(since === undefined ? {} : { since: Date.now() - since }),
      ...(tail === undefined ? {} : { tail }),
    };
    await printLogs(read(asked, signal), process);
    return interrupted.code;
  } catch (error) {
    if (signal.aborted) return interrupted.code;
    process.stderr.write(`${describeError(error)}\n`);
    return 1;
  }
}

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };

/** Milliseconds of `1h30m`. */
export function duration(text: string): number {
  if (!/^(\d+[dhms])+$/.test(text)) throw new InvalidArgumentError('It must be like 30s, 10m or 1h30m.');
  return Array.from(text.matchAll(/(\d+)([dhms])/g)).reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0),
    0,
  );
}
