/** A door before an engine that can be shut, that lies about the engine's age, or that wants to know who comes in. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Engine } from '../support/engine.ts';

export interface Door {
  /** For `spec.docker.host`. */
  readonly host: string;
  shut(): Promise<void>;
  open(): Promise<void>;
  /** The engine speaks this version of its API at most; undefined: what it really speaks. */
  pretend(version: string | undefined): void;
}

/** With `tls` at a port of 127.0.0.1, else a Unix socket. */
export async function startDoor({ socketPath }: Engine, tls?: TlsOptions): Promise<Door> {
  const path = join(tmpdir(), `peerage-door-${randomUUID().slice(0, 8)}.sock`);
  const inside = new Set<Socket>();
  let pretended: string | undefined;
  let server: Server | undefined;
  let port = 0;

  function carry(near: Socket): void {
    inside.add(near);
    const far = connect(socketPath);
    const end = () => {
      inside.delete(near);
      for (const socket of [near, far]) socket.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.pipe(far);
    far.on('data', (answer) => near.write(altered(answer)));
  }

  /** Of the same length, as what comes before it says how long it is. */
  function altered(answer: Buffer): Buffer {
    if (pretended === undefined) return answer;
    const text = answer.toString('latin1');
    return Buffer.from(text.replaceAll(/"ApiVersion":"1\.\d\d"/g, `"ApiVersion":"${pretended}"`), 'latin1');
  }

  async function open(): Promise<void> {
    server = tls === undefined ? createServer(carry) : createTlsServer(tls, carry);
    server.on('tlsClientError', () => {});
    if (tls === undefined) server.listen(path);
    else server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    if (tls !== undefined) port = portOf(server);
  }

  await open();
  return {
    host: tls === undefined ? `unix://${path}` : `tcp://127.0.0.1:${port}`,
    open,
    async shut() {
      for (const socket of inside) socket.destroy();
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      await new Promise((resolve) => closing.close(resolve));
      await rm(path, { force: true });
    },
    pretend: (version) => {
      pretended = version;
    },
  };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens at no port');
  return address.port;
}
