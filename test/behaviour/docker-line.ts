/** A line to an engine that can be cut: a Unix socket that carries what it gets to the engine's. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Line {
  readonly socketPath: string;
  /**
   * Cuts the next connection whose first line matches: before the request reaches the engine, or when the engine has
   * answered it and nobody has heard.
   */
  cut(request: RegExp, when: 'before' | 'after'): void;
  /** The next request whose first line matches does not reach the engine before it is let go. */
  hold(request: RegExp): Held;
  /** First lines of all requests so far: `POST /v1.41/containers/create?name=a HTTP/1.1`. */
  readonly requests: string[];
  /** Whether all cuts have come to pass. */
  isWhole(): boolean;
  stop(): Promise<void>;
}

export interface Held {
  /** It came. */
  readonly came: Promise<void>;
  letGo(): void;
}

export async function startLine(engineSocket: string): Promise<Line> {
  const socketPath = join(tmpdir(), `peerage-line-${randomUUID().slice(0, 8)}.sock`);
  const cuts: { readonly request: RegExp; readonly when: 'before' | 'after' }[] = [];
  const holds: { readonly request: RegExp; readonly reach: () => void; readonly go: Promise<void> }[] = [];
  const requests: string[] = [];
  const open = new Set<Socket>();

  const server = createServer((near) => {
    open.add(near);
    near.on('close', () => open.delete(near));
    near.on('error', () => {});
    near.once('data', (begin) => {
      const [first = ''] = begin.toString('latin1').split('\r\n', 1);
      requests.push(first);
      const at = cuts.findIndex(({ request }) => request.test(first));
      const [cut] = at === -1 ? [] : cuts.splice(at, 1);
      if (cut?.when === 'before') {
        near.destroy();
        return;
      }
      const carry = () => {
        const far = connect(engineSocket);
        far.on('error', () => near.destroy());
        near.on('close', () => far.destroy());
        far.write(begin);
        near.pipe(far);
        if (cut?.when === 'after') far.once('data', () => near.destroy());
        else far.pipe(near);
      };
      const holding = holds.findIndex(({ request }) => request.test(first));
      const [held] = holding === -1 ? [] : holds.splice(holding, 1);
      held?.reach();
      if (held === undefined) carry();
      else void held.go.then(carry);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    cut: (request, when) => cuts.push({ request, when }),
    hold: (request) => {
      const came = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      holds.push({ request, reach: came.resolve, go: go.promise });
      return { came: came.promise, letGo: go.resolve };
    },
    requests,
    isWhole: () => cuts.length === 0,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(socketPath, { force: true });
    },
  };
}
