import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { freePort, retryWhenPortWasTaken } from '../../src/sandbox/kubernetes/free-port.ts';
import { startServerProcess } from '../../src/sandbox/kubernetes/server-process.ts';
import { startWatchdog } from '../../src/sandbox/kubernetes/watchdog.ts';

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** `PEERAGE_*` options, and what the cloud's SDK reads, such as `AWS_ENDPOINT_URL`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** What counts as started. Default `/readyz`; an operator that is not the leader may only be alive: `/livez`. */
  readonly readyPath?: '/readyz' | '/livez';
}

/** The operator as a process of its own, as users run it. */
export interface Operator {
  readonly pid: number;
  /** `http://127.0.0.1:<port>` of health and metrics. */
  readonly url: string;
  readonly exited: Promise<void>;
  /** All log lines until now, parsed. A line that is no JSON is `{msg: <the line>}`. */
  logs(): readonly LogLine[];
  metrics(): Promise<string>;
  /** SIGKILL: no last words. */
  kill(): Promise<void>;
  /** SIGTERM. Rejects when it does not end by itself. */
  stop(): Promise<void>;
}

const logLineSchema = z.looseObject({
  msg: z.string().optional(),
  level: z.union([z.string(), z.number()]).optional(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** Its ten seconds, and as many for a busy machine. */
const stopsWithinMs = 20_000;

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/** Starts the operator and waits until it is ready. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const home = await mkdtemp(join(tmpdir(), 'peerage-operator-'));
  const watchdog = startWatchdog(home);
  const lines: LogLine[] = [];
  let partial = '';
  const onOutput = (chunk: string) => {
    const pieces = (partial + chunk).split('\n');
    partial = pieces.pop() ?? '';
    lines.push(...pieces.map(parseLogLine));
  };
  const end = async () => {
    watchdog.release();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const { url, server } = await retryWhenPortWasTaken(async () => {
      const address = `127.0.0.1:${await freePort()}`;
      const started = await startServerProcess({
        name: 'operator',
        command: process.execPath,
        args: [main, ...(options.args ?? [])],
        env: {
          PATH: process.env.PATH,
          HOME: home,
          // What one operator compiled the next one need not: half of its start.
          NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
          AWS_EC2_METADATA_DISABLED: 'true',
          KUBECONFIG: options.kubeconfig,
          PEERAGE_HEALTH_ADDRESS: address,
          // The addresses of machines in a sandbox are invented, and may be somebody's.
          PEERAGE_PROBE_NODES: 'false',
          ...options.env,
        },
        isReady: async () => (await fetch(`http://${address}${options.readyPath ?? '/readyz'}`)).ok,
        onSpawn: watchdog.guard,
        onOutput,
        stopWithinMs: stopsWithinMs,
      });
      return { url: `http://${address}`, server: started };
    });
    return {
      pid: server.pid,
      url,
      exited: server.exited,
      logs: () => lines,
      metrics: async () => (await fetch(`${url}/metrics`)).text(),
      kill: () => server.stop('SIGKILL').then(end),
      async stop() {
        const startedAt = performance.now();
        await server.stop('SIGTERM');
        await end();
        if (performance.now() - startedAt >= stopsWithinMs) throw new Error('the operator had to be killed');
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function parseLogLine(line: string): LogLine {
  try {
    return logLineSchema.parse(JSON.parse(line));
  } catch {
    return { msg: line };
  }
}
