/**
 * The engine's calls in use, and no others, each as `(input, {signal, flow?}) => Promise<output>`. Every one of them passes
 * the gate, has a deadline, is tried once (the queue is the retry), and throws nothing but `CloudError`.
 */
import type Docker from 'dockerode';
import { z } from 'zod';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { type CallGate, CloudError, type LogOptions, type LogPiece } from '../cloud.ts';
import type { ContainerBody } from './container-body.ts';
import type { Connection } from './credentials.ts';
import { attempt, createEngines, readAs } from './engine.ts';
import { toCloudError, wasAnswered } from './errors.ts';
import { inspectImage } from './inspect-image.ts';
import { type Api, costOf } from './limits.ts';
import type { Login } from './registry.ts';
import {
  execution,
  image,
  inspectedContainer,
  listedContainer,
  network,
  top,
  volume,
  volumes,
} from './shapes.ts';
import { demultiplex, drop, pieces, readAll } from './streams.ts';

export interface SdkOptions {
  readonly connection: Connection;
  readonly gate: CallGate;
  /** Aborted when the session is closed. */
  readonly closed: AbortSignal;
  /** For deadlines only. */
  readonly clock?: Clock;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** `namespace/name` of the Network on whose behalf the call is made. */
  readonly flow?: string;
}

/** Filters of a list: values of one key are alternatives, except for labels, which must all be there. */
export type Filters = Readonly<Record<string, string[]>>;

export type Sdk = Awaited<ReturnType<typeof createSdk>>;

/** How long one call may take once the gate has let it go. Removing a container waits for its processes. */
const deadlineMs = 30_000;
/** Of a file read out of a container, and of what a command prints. */
const answerLimitBytes = 16 * 1024 * 1024;

/** Loads the SDK on first use, and asks the engine nothing before the first call. */
export async function createSdk({ connection, gate, closed, clock = systemClock }: SdkOptions) {
  const engines = await createEngines({ connection, gate, clock, closed });

  async function call<Answer>(
    api: Api,
    { signal, flow }: CallOptions,
    run: (docker: Docker, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const { docker } = await engines.get(signal);
    const cost = costOf(api);
    const asked = { ...cost, ...(flow === undefined ? {} : { flow }), signal };
    return await gate(asked, async (granted) => {
      try {
        return await attempt({ ...cost, signal: granted, deadlineMs, clock }, (inner) => run(docker, inner));
      } catch (thrown) {
        if (thrown instanceof CloudError && !wasAnswered(thrown)) engines.doubt();
        throw thrown;
      }
    });
  }

  return {
    /** Who answers there, as agreed upon. */
    engine: async ({ signal }: CallOptions) => (await engines.get(signal)).facts,
    /** The same, asked now. */
    engineNow: async ({ signal }: CallOptions) => {
      engines.doubt();
      return (await engines.get(signal)).facts;
    },

    listContainers: async (filters: Filters, options: CallOptions) => {
      const listed = await call('ContainerList', options, (docker, abortSignal) =>
        docker.listContainers({ all: true, filters, abortSignal }),
      );
      return readAs('ContainerList', z.array(listedContainer), listed);
    },
    inspectContainer: async (id: string, options: CallOptions) => {
      const found = await call('ContainerInspect', options, (docker, abortSignal) =>
        docker.getContainer(id).inspect({ abortSignal }),
      );
      return readAs('ContainerInspect', inspectedContainer, found);
    },
    /** Answers the id. */
    createContainer: async (name: string, body: ContainerBody, options: CallOptions): Promise<string> => {
      // Without `_query` all of it, secrets included, would stand in the URL, too.
      const input = { _query: { name }, _body: body };
      const made = await call('ContainerCreate', options, (docker, abortSignal) =>
        docker.createContainer({ ...input, abortSignal }),
      );
      return made.id;
    },
    /** One that runs already goes on. */
    startContainer: async (id: string, options: CallOptions): Promise<void> => {
      await call('ContainerStart', options, (docker, abortSignal) =>
        docker.getContainer(id).start({ abortSignal }).catch(unlessStatus(304)),
      );
    },
    killContainer: async (id: string, name: NodeJS.Signals, options: CallOptions): Promise<void> => {
      await call('ContainerKill', options, (docker, abortSignal) =>
        docker.getContainer(id).kill({ signal: name, abortSignal }),
      );
    },
    renameContainer: async (id: string, name: string, options: CallOptions): Promise<void> => {
      await call('ContainerRename', options, (docker, abortSignal) =>
        docker.getContainer(id).rename({ name, abortSignal }),
      );
    },
    /** At once, with all that has no name. */
    deleteContainer: async (id: string, options: CallOptions): Promise<void> => {
      await call('ContainerDelete', options, (docker, abortSignal) =>
        docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
      );
    },
    /** Whether something lies at a path of a container. */
    hasPath: (id: string, path: string, options: CallOptions): Promise<boolean> =>
      call('ContainerArchiveInfo', options, async (docker, abortSignal) => {
        try {
          drop(await docker.getContainer(id).infoArchive({ path, abortSignal }));
          return true;
        } catch (thrown) {
          unlessStatus(404)(thrown);
          return false;
        }
      }),
    /** What lies at a path of a container, as a tar archive. */
    readArchive: (id: string, path: string, options: CallOptions): Promise<Buffer> =>
      call('ContainerArchive', options, async (docker, abortSignal) =>
        readAll(await docker.getContainer(id).getArchive({ path, abortSignal }), answerLimitBytes),
      ),
    /** Unpacks a tar archive at the root of a container. */
    writeArchive: async (id: string, archive: Buffer, options: CallOptions): Promise<void> => {
      await call('PutContainerArchive', options, (docker, abortSignal) =>
        docker.getContainer(id).putArchive(archive, { path: '/', noOverwriteDirNonDir: '1', abortSignal }),
      );
    },
    /** What a container wrote, until its end or the signal. What was not read is dropped when the reader leaves. */
    logs: async function* (
      id: string,
      { follow, since, tail }: LogOptions,
      { signal }: CallOptions,
    ): AsyncGenerator<LogPiece> {
      const asked = {
        ...{ follow, stdout: true, stderr: true },
        ...(since === undefined ? {} : { since: (since / 1000).toFixed(3) }),
        ...(tail === undefined ? {} : { tail }),
      };
      // Beside the query, `follow` tells the HTTP client to stream, and not to gather everything first.
      const input = { follow: true as const, _query: asked };
      const stream = await call('ContainerLogs', { signal }, (docker, abortSignal) =>
        docker.getContainer(id).logs({ ...input, abortSignal }),
      );
      const end = () => drop(stream);
      signal.addEventListener('abort', end, { once: true });
      try {
        if (!signal.aborted) yield* pieces(stream);
      } catch (thrown) {
        if (!signal.aborted) throw toCloudError({ api: 'ContainerLogs', write: false }, thrown);
      } finally {
        signal.removeEventListener('abort', end);
        drop(stream);
      }
    },
    /** How many processes run in a container. */
    countProcesses: async (id: string, options: CallOptions): Promise<number> => {
      const listed = await call('ContainerTop', options, (docker, abortSignal) =>
        docker.getContainer(id).top({ abortSignal }),
      );
      return readAs('ContainerTop', top, listed).Processes.length;
    },
    /** Runs a command in a container to its end. */
    execute: (id: string, command: readonly string[], options: CallOptions) =>
      call('ContainerExec', options, async (docker, abortSignal) => {
        const exec = await docker
          .getContainer(id)
          .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, abortSignal });
        const output = await exec.start({ Detach: false, Tty: false, abortSignal });
        const said = demultiplex(await readAll(output, answerLimitBytes));
        const ended = readAs('ContainerExec', execution, await exec.inspect({ abortSignal }));
        return { exitCode: ended.ExitCode ?? -1, ...said };
      }),

    inspectImage: async (name: string, options: CallOptions) => {
      const found = await call('ImageInspect', options, (docker, abortSignal) =>
        inspectImage(docker, name, abortSignal),
      );
      return readAs('ImageInspect', image, found);
    },
    /**
     * Begins to fetch an image. The gate lets it begin; it goes on until the stream ends or `until` is aborted, for
     * minutes. Rejections and what is streamed are the caller's.
     */
    pullImage: (
      {
        repository,
        tag,
        login,
      }: { readonly repository: string; readonly tag: string; readonly login?: Login },
      until: AbortSignal,
      options: CallOptions,
    ): Promise<{ readonly stream: Promise<NodeJS.ReadableStream> }> =>
      call('ImageCreate', options, async (docker) => {
        const input = { fromImage: repository, tag, abortSignal: until };
        const stream = login === undefined ? docker.createImage(input) : docker.createImage(login, input);
        stream.catch(() => {});
        return { stream };
      }),

    listNetworks: async (filters: Filters, options: CallOptions) => {
      const listed = await call('NetworkList', options, (docker, abortSignal) =>
        docker.listNetworks({ filters, abortSignal }),
      );
      return readAs('NetworkList', z.array(network), listed);
    },
    createNetwork: async (input: Docker.NetworkCreateOptions, options: CallOptions): Promise<string> => {
      const made = await call('NetworkCreate', options, (docker, abortSignal) =>
        docker.createNetwork({ ...input, abortSignal }),
      );
      return made.id;
    },
    deleteNetwork: async (id: string, options: CallOptions): Promise<void> => {
      await call('NetworkDelete', options, (docker, abortSignal) =>
        docker.getNetwork(id).remove({ abortSignal }),
      );
    },

    listVolumes: async (filters: Filters, options: CallOptions) => {
      const listed = await call('VolumeList', options, (docker, abortSignal) =>
        docker.listVolumes({ filters, abortSignal }),
      );
      return readAs('VolumeList', volumes, listed);
    },
    inspectVolume: async (name: string, options: CallOptions) => {
      const found = await call('VolumeInspect', options, (docker, abortSignal) =>
        docker.getVolume(name).inspect({ abortSignal }),
      );
      return readAs('VolumeInspect', volume, found);
    },
    deleteVolume: async (name: string, options: CallOptions): Promise<void> => {
      await call('VolumeDelete', options, (docker, abortSignal) =>
        docker.getVolume(name).remove({ abortSignal }),
      );
    },

    /** Calls back for everything that is streamed until the signal; then it resolves. Rejects when the stream breaks. */
    watch: async (filters: Filters, onEvent: () => void, { signal }: CallOptions): Promise<void> => {
      const stream = await call('SystemEvents', { signal }, (docker, abortSignal) =>
        docker.getEvents({ filters, abortSignal }),
      );
      const end = () => drop(stream);
      signal.addEventListener('abort', end, { once: true });
      try {
        for await (const _ of stream) onEvent();
        if (!signal.aborted) throw new Error('the stream of events ended');
      } catch (thrown) {
        if (signal.aborted) return;
        engines.doubt();
        throw toCloudError({ api: 'SystemEvents', write: false }, thrown);
      } finally {
        signal.removeEventListener('abort', end);
        drop(stream);
      }
    },

    close: (): void => engines.close(),
  };
}

/** The HTTP client throws for what is no trouble. */
function unlessStatus(status: number): (thrown: unknown) => void {
  return (thrown) => {
    if (!(thrown instanceof Error) || !('statusCode' in thrown) || thrown.statusCode !== status) throw thrown;
  };
}
