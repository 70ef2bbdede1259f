import { join } from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { freePort, retryWhenPortWasTaken } from '../../sandbox/kubernetes/free-port.ts';
import { type ServerProcess, startServerProcess } from '../../sandbox/kubernetes/server-process.ts';
import { childEnv } from './child-env.ts';

export interface OperatorOptions {
  readonly kubeconfigPath: string;
  /** What its clouds read. */
  readonly env: Readonly<Record<string, string>>;
  /** An empty folder. */
  readonly home: string;
  readonly onSpawn: (pid: number) => void;
}

/** The operator as a process of its own, as `npm start` runs it. */
export interface Operator extends ServerProcess {
  /** `http://127.0.0.1:<port>/metrics` */
  readonly metricsUrl: string;
}

/** As `npm start` and the image set them. */
const heapFlags = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'));
const main = join(import.meta.dirname, '../../main.ts');

/** Starts `src/main.ts` against one cluster; resolves when `/readyz` answers 200. */
export function startOperator(options: OperatorOptions): Promise<Operator> {
  return retryWhenPortWasTaken(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const server = await startServerProcess({
      name: 'the operator',
      command: process.execPath,
      args: [...heapFlags, main],
      env: operatorEnv(options, address),
      cwd: options.home,
      isReady: async () =>
        (await fetch(`http://${address}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok,
      readyWithinMs: 45_000,
      onSpawn: options.onSpawn,
    });
    return { ...server, metricsUrl: `http://${address}/metrics` };
  });
}

/** `address`: where it serves its health, and its metrics as well. */
export function operatorEnv(
  { kubeconfigPath, env, home }: Omit<OperatorOptions, 'onSpawn'>,
  address: string,
): NodeJS.ProcessEnv {
  return childEnv(home, {
    PEERAGE_KUBECONFIG: kubeconfigPath,
    PEERAGE_HEALTH_ADDRESS: address,
    ...env,
  });
}

/** The last lines of what a process printed. */
export function tail(output: string, lines: number): string[] {
  return output.trimEnd().split('\n').slice(-lines);
}
