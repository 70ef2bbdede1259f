import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, retryWhenPortWasTaken } from '../../src/sandbox/kubernetes/free-port.ts';
import { startServerProcess } from '../../src/sandbox/kubernetes/server-process.ts';
import { startWatchdog } from '../../src/sandbox/kubernetes/watchdog.ts';
import { eventually } from './eventually.ts';
import { requireReferee } from './referees.ts';

/** AWS as moto understands it. */
export interface Moto {
  /** `http://127.0.0.1:<port>`, for the SDK's `AWS_ENDPOINT_URL` or `endpoint`. Any keys do. */
  readonly url: string;
  /** The end of its log: a line for each request, and the traces of its failures. */
  log(): string;
  /**
   * Rejects when moto failed a request since it started: that is its answer to what it does not know. Its clients see a
   * 500, which SDKs retry in silence, so each test of something that passes on moto ends with this.
   */
  assertNoUnimplemented(): Promise<void>;
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
  const lines: string[] = [];
  let partial = '';
  const onOutput = (chunk: string) => {
    const pieces = (partial + chunk).split('\n');
    partial = pieces.pop() ?? '';
    lines.push(...pieces);
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
      onOutput,
    });
    return { url: origin, server: started };
  });
  return {
    url,
    log: server.output,
    assertNoUnimplemented: async () => {
      // A request's line is written before its answer is sent: when we have read our own one, we have read all before it.
      const mark = randomUUID();
      await fetch(`${url}/moto-api/?${mark}`);
      await eventually(
        async () => lines,
        (all) => all.some((line) => line.includes(mark)),
      );
      const failures = () => lines.filter((line) => / 500 -$/.test(line)).length;
      if (failures() === 0) {
        return;
      }
      // The traces follow after the answer.
      const reasons = async () => lines.filter((line) => /^[\w.]*(Error|Exception)\b/.test(line));
      const told = await eventually(reasons, (all) => all.length >= failures(), { withinMs: 5_000 }).catch(
        reasons,
      );
      throw new Error(`moto failed ${failures()} requests:\n${told.join('\n')}`);
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
