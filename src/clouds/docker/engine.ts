/** One engine: the connection to it, in a version of the API that both sides speak. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { Clock } from '../../runtime/clock.ts';
import { unlessAborted, withDeadline } from '../../runtime/deadline.ts';
import { type CallGate, CloudError } from '../cloud.ts';
import type { Connection } from './credentials.ts';
import { toCloudError, withPlace } from './errors.ts';
import { type Api, costOf } from './limits.ts';
import { info, version } from './shapes.ts';

/** The oldest that is known to do what is asked of it here: Docker 20.10. */
const OLDEST = '1.41';
/** The newest that was looked at. An engine that speaks newer ones speaks this, too. */
const NEWEST = '1.51';

export interface EngineFacts {
  readonly id: string;
  /** Name of its host. */
  readonly name: string;
  readonly version: string;
  readonly apiVersion: string;
  /** How logins for images without a registry of their own are called. */
  readonly index: string;
}

export interface Engine {
  readonly docker: Docker;
  readonly facts: EngineFacts;
}

export interface Engines {
  /** The engine, as agreed upon with it; asks it when that was never done or is in doubt. */
  get(signal: AbortSignal): Promise<Engine>;
  /** No answer came: the next call looks whether it still is the same engine. */
  doubt(): void;
  close(): void;
}

/** The client takes a signal here, too; its types do not know. */
interface Asked {
  version(options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
  info(options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
}

export interface EngineOptions {
  readonly connection: Connection;
  readonly gate: CallGate;
  readonly clock: Clock;
  /** Aborted when the session is closed. */
  readonly closed: AbortSignal;
}

const deadlineMs = 10_000;

export async function createEngines({ connection, gate, clock, closed }: EngineOptions): Promise<Engines> {
  const { default: Client } = await import('dockerode');
  const agent = agentFor(connection);
  let agreed: Promise<Engine> | undefined;
  let first: EngineFacts | undefined;

  const ask = (api: Api, run: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> => {
    const cost = costOf(api);
    return gate({ ...cost, signal: closed }, (granted) =>
      attempt({ ...cost, signal: granted, deadlineMs, clock }, run),
    );
  };

  async function agree(): Promise<Engine> {
    const plain: Asked = new Client(optionsFor(connection, agent));
    const answer = await ask('SystemVersion', (abortSignal) => plain.version({ abortSignal }));
    const spoken = readAs('SystemVersion', version, answer);
    const apiVersion = commonVersion(spoken);
    const docker = new Client({ ...optionsFor(connection, agent), version: `v${apiVersion}` });
    const told = readAs('SystemInfo', info, await askInfo(docker));
    const facts: EngineFacts = {
      id: told.ID,
      name: told.Name,
      version: told.ServerVersion,
      apiVersion,
      index: told.IndexServerAddress,
    };
    first ??= facts;
    if (facts.id !== first.id) throw changed(first, facts);
    return { docker, facts };
  }

  const askInfo = (docker: Asked) => ask('SystemInfo', (abortSignal) => docker.info({ abortSignal }));

  function tellWhere(thrown: unknown): never {
    throw thrown instanceof CloudError ? withPlace(thrown, placeOf(connection)) : thrown;
  }

  return {
    get: async (signal) => {
      const asked = agreed ?? agree().catch(tellWhere);
      agreed = asked;
      asked.catch(() => {
        if (agreed === asked) agreed = undefined;
      });
      return await unlessAborted(signal, asked);
    },
    doubt: () => {
      agreed = undefined;
    },
    close: () => agent.destroy(),
  };
}

export interface Attempt {
  readonly api: Api;
  readonly write: boolean;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly clock: Clock;
}

/** One call within its deadline. The HTTP client below may never answer when a reply breaks off in its middle. */
export async function attempt<Answer>(
  { api, write, signal, deadlineMs: withinMs, clock }: Attempt,
  run: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const flight = { calledOff: false };
  try {
    return await withDeadline(
      { signal, deadlineMs: withinMs, clock, what: 'waiting for an answer' },
      async (inner) => {
        try {
          inner.throwIfAborted();
          return await unlessAborted(inner, run(inner));
        } catch (thrown) {
          flight.calledOff = inner.aborted;
          throw inner.aborted ? inner.reason : thrown;
        }
      },
    );
  } catch (thrown) {
    throw toCloudError({ api, write, ...flight }, thrown);
  }
}

/** An answer of another shape comes from something that is no engine. */
export function readAs<Schema extends z.ZodType>(
  api: Api,
  schema: Schema,
  answer: unknown,
): z.output<Schema> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  throw new CloudError({
    api,
    code: 'unavailable',
    outcome: costOf(api).write ? 'unknown' : 'none',
    reason: 'UnreadableAnswer',
    message: z.prettifyError(result.error),
  });
}

/** Both sides' newest. Engines also drop old versions: then their oldest, as long as it is not older than ours. */
export function commonVersion({
  ApiVersion: newest,
  MinAPIVersion: oldest = OLDEST,
}: {
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
}): string {
  if (isOlder(newest, OLDEST)) {
    throw new CloudError({
      api: 'SystemVersion',
      code: 'unsupported',
      outcome: 'none',
      reason: 'EngineTooOld',
      message: `the engine speaks API ${newest} at most; ${OLDEST} is the oldest that is supported (Docker 20.10)`,
    });
  }
  const common = isOlder(newest, NEWEST) ? newest : NEWEST;
  return isOlder(common, oldest) ? oldest : common;
}

function isOlder(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major === otherMajor ? minor < otherMinor : major < otherMajor;
}

function changed(before: EngineFacts, now: EngineFacts): CloudError {
  return new CloudError({
    api: 'SystemInfo',
    code: 'unauthorized',
    outcome: 'none',
    reason: 'EngineChanged',
    message: `another engine answers at this host: ${now.name} (${now.id}), before it was ${before.name} (${before.id})`,
  });
}

function placeOf(connection: Connection): string {
  return 'socketPath' in connection ? connection.socketPath : `${connection.host}:${connection.port}`;
}

/** A handshake costs more than most answers; a Unix socket costs nothing, and one kept open may be cut when it is used. */
function agentFor(connection: Connection): HttpAgent {
  const options = { maxSockets: 64 };
  if ('tls' in connection) return new HttpsAgent({ ...options, keepAlive: true });
  return new HttpAgent({ ...options, keepAlive: false });
}

/** Every member is set: what is left out would come from DOCKER_HOST and its like. */
function optionsFor(connection: Connection, agent: HttpAgent): Docker.DockerOptions {
  const unset = {
    socketPath: undefined,
    host: undefined,
    port: undefined,
    username: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
  };
  if ('socketPath' in connection) {
    const options = { ...unset, protocol: 'http' as const, socketPath: connection.socketPath, agent };
    return options;
  }
  const { host, port, tls } = connection;
  const options = {
    ...unset,
    ...tls,
    protocol: tls === undefined ? ('http' as const) : ('https' as const),
    host,
    port,
    agent,
  };
  return options;
}
