import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { Credentials } from './credentials.ts';
import type { Target } from './kubeconfig.ts';

export interface ConnectionOptions {
  readonly target: Target;
  /** PEM file with further certificate authorities. */
  readonly extraCaFile?: string | undefined;
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Connections {
  /** Watches have connections of their own: else they would hold those of the calls for ever. */
  poolOf(kind: 'calls' | 'watches', credentials: Credentials): HttpAgent;
  /** Ends every connection, those in use as well. */
  close(): void;
}

/** Calls at once; more wait for a free connection. */
const maxConnections = 48;
/** Below the 90 s after which kube-apiserver ends an idle connection, so that no call is sent into a closing one. */
const idleConnectionMs = 60_000;

/** Pools of kept-alive connections. A rotated client certificate begins new ones; what is under way ends on the old. */
export function createConnections({ target, extraCaFile, env }: ConnectionOptions): Connections {
  const { cluster } = target;
  const proxyEnv = proxySettings(target, env);
  const ca = authorities(target, extraCaFile);
  const isTls = cluster.server.startsWith('https:');
  let pools: { calls: HttpAgent; watches: HttpAgent; cert: string | undefined } | undefined;
  /** Of certificates before; some may still be in use. */
  let former: readonly HttpAgent[] = [];

  function create({ cert, key }: Credentials) {
    const common = { keepAlive: true, proxyEnv };
    const tls = isTls && {
      // Made once, so that no new connection parses certificates again.
      secureContext: createSecureContext({ ...(ca && { ca }), ...(cert && key && { cert, key }) }),
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
      ...(cluster['tls-server-name'] && { servername: cluster['tls-server-name'] }),
    };
    const pool = (limits: { maxSockets?: number; timeout?: number }) =>
      tls ? new HttpsAgent({ ...common, ...tls, ...limits }) : new HttpAgent({ ...common, ...limits });
    return {
      calls: pool({ maxSockets: maxConnections, timeout: idleConnectionMs }),
      watches: pool({}),
      cert,
    };
  }

  return {
    poolOf(kind, credentials) {
      if (pools === undefined || pools.cert !== credentials.cert) {
        former = former.filter(isInUse);
        if (pools !== undefined) former = [...former, retire(pools.calls), retire(pools.watches)];
        pools = create(credentials);
      }
      return pools[kind];
    },
    close() {
      pools?.calls.destroy();
      pools?.watches.destroy();
      for (const pool of former) pool.destroy();
    },
  };
}

/** Connections of the pool end as soon as nothing is under way on them. */
function retire(pool: HttpAgent): HttpAgent {
  pool.maxFreeSockets = 0;
  for (const socket of Object.values(pool.freeSockets).flat()) socket?.destroy();
  return pool;
}

function isInUse(pool: HttpAgent): boolean {
  return [pool.sockets, pool.requests].some((those) => Object.keys(those).length > 0);
}

/** A kubeconfig's own proxy wins over the environment's. */
function proxySettings({ cluster, source }: Target, env: ConnectionOptions['env']) {
  const own = cluster['proxy-url'];
  if (own !== undefined && !/^https?:/.test(own)) {
    throw new Error(`${source}: proxy-url ${own}: only http and https proxies can be used`);
  }
  if (own !== undefined) return { HTTPS_PROXY: own, HTTP_PROXY: own };
  return Object.fromEntries(
    ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap((name) => {
      const value = env[name.toLowerCase()] ?? env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** The authorities to trust, or undefined for Node's own list. */
function authorities({ cluster }: Target, extraCaFile: string | undefined): string[] | undefined {
  const data = cluster['certificate-authority-data'];
  const file = cluster['certificate-authority'];
  const own = data ? Buffer.from(data, 'base64').toString() : file ? readFileSync(file, 'utf8') : undefined;
  if (extraCaFile === undefined) return own === undefined ? undefined : [own];
  return [...(own === undefined ? getCACertificates('default') : [own]), readFileSync(extraCaFile, 'utf8')];
}
