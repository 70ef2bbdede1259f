import { createServer, get, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Connections, createConnections } from './connections.ts';

const first = { headers: {}, cert: 'first', key: 'first' };
const second = { headers: {}, cert: 'second', key: 'second' };

let server: Server;
let connections: Connections;
/** Answers the requests that are under way. */
let answer: (() => void)[];
/** Connections that stand, by the server's count. */
let open: Set<Socket>;

beforeEach(async () => {
  answer = [];
  const standing = new Set<Socket>();
  open = standing;
  server = createServer((_, response) => answer.push(() => response.end('{}')));
  // It ends no connection by itself.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => {
    standing.add(socket);
    socket.once('close', () => standing.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target = { cluster: { server: `http://127.0.0.1:${port()}` }, user: {}, userName: 'u' };
  connections = createConnections({ target: { ...target, namespace: undefined, source: 'test' }, env: {} });
});
afterEach(() => {
  connections.close();
  server.closeAllConnections();
  server.close();
});

function port(): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Resolves when the request has come in; `done` when it has been answered, or its connection has ended. */
async function send(credentials: typeof first) {
  const begun = new Promise((resolve) => server.once('request', resolve));
  const agent = connections.poolOf('calls', credentials);
  const done = new Promise<string>((resolve) => {
    const sent = get({ agent, host: '127.0.0.1', port: port() }, (response) =>
      response.resume().on('end', () => setImmediate(resolve, 'answered')),
    );
    sent.on('error', () => resolve('ended'));
  });
  await begun;
  return { done };
}

async function call(credentials: typeof first): Promise<void> {
  const { done } = await send(credentials);
  for (const one of answer.splice(0)) one();
  await done;
}

/** The server hears of a connection's end a little later than we do. */
async function until(count: number): Promise<void> {
  while (open.size !== count) await new Promise((resolve) => setImmediate(resolve));
}

test('a rotated certificate begins new connections, and keeps none of the old', async () => {
  await call(first);
  await call(first);
  expect(open.size).toBe(1);
  await call(second);
  await until(1);
});

test('what is under way ends on the old connection, which ends with it', async () => {
  const { done } = await send(first);
  await send(second);
  expect(open.size).toBe(2);
  answer[0]?.();
  expect(await done).toBe('answered');
  await until(1);
});

test('closing ends all connections, also those of a certificate before', async () => {
  const before = await send(first);
  const now = await send(second);
  connections.close();
  expect([await before.done, await now.done]).toEqual(['ended', 'ended']);
  await until(0);
});
