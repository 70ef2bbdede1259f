import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseStats, type ServerStats } from '../../src/haproxy/stats.ts';
import { freePort, retryWhenPortWasTaken } from '../../src/sandbox/kubernetes/free-port.ts';
import { startServerProcess } from '../../src/sandbox/kubernetes/server-process.ts';
import { startWatchdog } from '../../src/sandbox/kubernetes/watchdog.ts';
import { eventually } from '../support/eventually.ts';

/** The program's path: what PEERAGE_TEST_HAPROXY names, else what is installed (Debian's `haproxy`); undefined when there is none. */
export function haproxyPath(): string | undefined {
  const places = ['/usr/local/sbin/haproxy', '/usr/sbin/haproxy'];
  return process.env.PEERAGE_TEST_HAPROXY || places.find((path) => existsSync(path));
}

/** A real HAProxy, run as a container runs it: a master and its worker. */
export interface Haproxy {
  /** A configuration to be checked and loaded, as `haproxy -c` and SIGUSR2 to the master do. Resolves when it is in force. */
  reload(config: string): Promise<void>;
  stats(): Promise<readonly ServerStats[]>;
  /** Resolves when the server of the first pool is what is expected. */
  sees(server: string, status: ServerStats['status']): Promise<void>;
  log(): string;
  /** Asks it to end, as `docker stop` and the kubelet do with the official image: SIGUSR1 lets connections go on. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface Ports {
  readonly stats: number;
  readonly front: number;
}

/** Starts it with what `configure` makes of two free ports. */
export async function startHaproxy(
  configure: (ports: Ports) => string,
): Promise<Haproxy & { readonly ports: Ports }> {
  const command = haproxyPath() ?? 'haproxy';
  const dir = await mkdtemp(join(tmpdir(), 'peerage-haproxy-'));
  const file = join(dir, 'haproxy.cfg');
  const watchdog = startWatchdog(dir);
  const { ports, server } = await retryWhenPortWasTaken(async () => {
    const chosen = { stats: await freePort(), front: await freePort() };
    await writeFile(file, onLoopback(configure(chosen)));
    const started = await startServerProcess({
      name: 'haproxy',
      command,
      args: ['-W', '-db', '-f', file],
      env: {},
      isReady: async () => (await fetch(`http://127.0.0.1:${chosen.stats}/alive`)).ok,
      onSpawn: watchdog.guard,
      stopWithinMs: 30_000,
    });
    return { ports: chosen, server: started };
  });
  const origin = `http://127.0.0.1:${ports.stats}`;
  const worker = async () => /pid = <\/b> ([0-9]+)/.exec(await (await fetch(origin)).text())?.[1];
  const stats = async () => parseStats(await (await fetch(`${origin}/;csv`)).text());

  return {
    ports,
    stats,
    sees: async (name, status) => {
      await eventually(stats, (all) => all.find((entry) => entry.server === name)?.status === status, {
        what: `${name} ${status}`,
        withinMs: 10_000,
      });
    },
    reload: async (config) => {
      const before = await worker();
      await writeFile(file, onLoopback(config));
      await eventually(
        async () => {
          // One that comes while the master still starts is lost.
          process.kill(server.pid, 'SIGUSR2');
          return await eventually(worker, (pid) => pid !== before, { withinMs: 5_000 }).catch(() => before);
        },
        (pid) => pid !== before,
        { what: 'a new worker' },
      ).catch((error: unknown) => {
        throw new Error(server.output(), { cause: error });
      });
    },
    log: server.output,
    stop: async (signal) => {
      await server.stop(signal);
      watchdog.release();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Tests open nothing to the outside. */
const onLoopback = (config: string) => config.replaceAll('bind 0.0.0.0:', 'bind 127.0.0.1:');
