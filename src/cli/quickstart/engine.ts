import { startEngine, whyNoEngine } from '../../sandbox/docker/engine.ts';
import { askEngine } from '../../sandbox/docker/engine-api.ts';

/** The Docker engine that a quickstart runs on. */
export interface FoundEngine {
  readonly socketPath: string;
  /** Started for this run, and gone with it. Else it is the user's. */
  readonly isOwn: boolean;
  stop(): Promise<void>;
}

export interface FindOptions {
  /** Passes over an engine of the user's. */
  readonly own: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
}

const defaultSocket = '/var/run/docker.sock';

/** The user's engine if it answers on this machine, else one of our own. Rejects with what is missing. */
export async function findEngine({ own, env = process.env, progress }: FindOptions): Promise<FoundEngine> {
  const tried: string[] = [];
  for (const host of own ? [] : [env.DOCKER_HOST, `unix://${defaultSocket}`]) {
    if (!host || tried.includes(host)) continue;
    const socketPath = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
    if (socketPath !== undefined && (await answers(socketPath))) {
      progress(`yours, at ${host}`);
      return { socketPath, isOwn: false, stop: async () => {} };
    }
    tried.push(host);
    if (socketPath === undefined)
      progress(`DOCKER_HOST=${host} is passed over: it is no socket of this machine`);
  }
  const missing = whyNoEngine();
  if (missing !== undefined) {
    const silent = tried.length === 0 ? '' : `none answers at ${tried.join(' or ')}, and `;
    throw new Error(`there is no Docker engine: ${silent}none can be started, since ${missing}`);
  }
  const engine = await startEngine({ env: proxies(env) });
  progress(`started for this run, at unix://${engine.socketPath}`);
  return { socketPath: engine.socketPath, isOwn: true, stop: engine.stop };
}

async function answers(socketPath: string): Promise<boolean> {
  try {
    return (await askEngine(socketPath, { path: '/_ping', withinMs: 5_000 })).status === 200;
  } catch {
    return false;
  }
}

/** An engine fetches images by the way out of this machine. */
function proxies(env: NonNullable<FindOptions['env']>): Record<string, string> {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const])),
  );
}
