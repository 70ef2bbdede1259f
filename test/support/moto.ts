import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, retryWhenPortWasTaken } from '../../src/sandbox/kubernetes/free-port.ts';
import { startServerProcess } from '../../src/sandbox/kubernetes/server-process.ts';
import { startWatchdog } from '../../src/sandbox/kubernetes/watchdog.ts';
import { requireReferee } from './referees.ts';

/** AWS as moto understands it. */
export interface Moto {
  /** `http://127.0.0.1:<port>`, for the SDK's `AWS_ENDPOINT_URL` or `endpoint`. Any keys do. */
  readonly url: string;
  /** The end of its log: a line for each request, and the traces of its failures. */
  log(): string;
  /** Throws when moto was asked for something it does not know. Its clients see a 500, which SDKs retry in silence. */
  assertNoUnimplemented(): void;
  /** Forgets everything that was made. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** What moto accepts by default but AWS refuses. */
const strictness = {
  MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: 'true',
  MOTO_ENABLE_AMI_VALIDATION: 'true',
  MOTO_ENABLE_KEYPAIR_VALIDATION: 'true',
};

export async function startMoto(): Promise<Moto> {
  const command = requireReferee('moto');
  const dir = await mkdtemp(join(tmpdir(), 'peerage-moto-'));
  const watchdog = startWatchdog(dir);
  const env = { PATH: process.env.PATH, HOME: dir, ...strictness };
  const unimplemented: string[] = [];
  let partial = '';
  const inspect = (chunk: string) => {
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    unimplemented.push(...lines.filter((line) => /NotImplementedError|not been implemented/.test(line)));
  };
  const { url, server } = await retryWhenPortWasTaken(async () => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const started = await startServerProcess({
      name: 'moto_server',
      command,
      args: ['-H', '127.0.0.1', '-p', String(port)],
      env,
      cwd: dir,
      isReady: async () => (await fetch(`${origin}/moto-api/`)).ok,
      onSpawn: watchdog.guard,
      onOutput: inspect,
    });
    return { url: origin, server: started };
  });
  return {
    url,
    log: server.output,
    assertNoUnimplemented: () => {
      if (unimplemented.length > 0) {
        throw new Error(`moto does not know what it was asked for:\n${unimplemented.join('\n')}`);
      }
    },
    reset: async () => {
      await fetch(`${url}/moto-api/reset`, { method: 'POST' });
    },
    stop: async () => {
      await server.stop('SIGKILL');
      watchdog.release();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
