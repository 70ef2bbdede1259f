import { join } from 'node:path';
import { controlSandbox, type SandboxControl } from '../../sandbox/aws/control-client.ts';
import { freePort, retryWhenPortWasTaken } from '../../sandbox/kubernetes/free-port.ts';
import { type ServerProcess, startServerProcess } from '../../sandbox/kubernetes/server-process.ts';
import { childEnv } from './child-env.ts';

/** The AWS sandbox as a process of its own. */
export interface AwsSandboxProcess extends ServerProcess {
  /** Where the AWS SDK sends its calls: AWS_ENDPOINT_URL. */
  readonly url: string;
  readonly control: SandboxControl;
}

const cli = join(import.meta.dirname, '../peerage.ts');

/** Runs `peerage sandbox` with `args` beside its port; resolves when it takes calls. */
export async function startAwsSandboxProcess(options: {
  readonly args?: readonly string[];
  /** An empty folder. */
  readonly home: string;
  readonly onSpawn: (pid: number) => void;
}): Promise<AwsSandboxProcess> {
  return retryWhenPortWasTaken(async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const control = controlSandbox(url);
    const server = await startServerProcess({
      name: 'the AWS sandbox',
      command: process.execPath,
      args: [cli, 'sandbox', '--port', String(port), ...(options.args ?? [])],
      env: childEnv(options.home, {}),
      cwd: options.home,
      isReady: () => control.counters().then(() => true),
      readyWithinMs: 15_000,
      onSpawn: options.onSpawn,
    });
    return { ...server, url, control };
  });
}
