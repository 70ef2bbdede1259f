import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** A small node of a network: JSON-RPC over HTTP, and a WebSocket that says everything back. */
export interface RpcNode {
  readonly name: string;
  readonly port: number;
  /** Calls answered so far, those of health checks (`health`) apart. */
  calls(): number;
  /** What `health` answers from now on. `unanswered`: it takes the call and never answers, as a program that hangs. */
  setHealth(health: 'well' | 'unwell' | 'unanswered'): void;
  /** How long it thinks about a call. */
  setDelay(delayMs: number): void;
  /** Ends as a killed process does: all connections break. */
  kill(): Promise<void>;
}

/** Answers each call with its own name as result; `health` with `{"ok": true}`. */
export async function startRpcNode(name: string, port = 0): Promise<RpcNode> {
  let calls = 0;
  let health: 'well' | 'unwell' | 'unanswered' = 'well';
  let delayMs = 0;
  const sockets = new Set<Duplex>();
  const server = createServer(async (request, response) => {
    const { method = '', id = null } = await readCall(request);
    if (health === 'unanswered') {
      return;
    }
    const isHealth = method === 'health';
    calls += isHealth ? 0 : 1;
    const answer = () =>
      response.setHeader('content-type', 'application/json').end(
        JSON.stringify({
          jsonrpc: '2.0',
          id,
          ...(isHealth && health === 'unwell'
            ? { error: { code: -32000, message: 'syncing' } }
            : { result: isHealth ? { ok: true } : name }),
        }),
      );
    if (delayMs > 0) {
      setTimeout(answer, delayMs);
    } else {
      answer();
    }
  });
  // As real nodes do it: Go and Rust servers keep idle connections for minutes.
  server.keepAliveTimeout = 120_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, socket) => echo(request, socket));
  await listen(server, port);
  return {
    name,
    port: portOf(server),
    calls: () => calls,
    setHealth: (next) => {
      health = next;
    },
    setDelay: (next) => {
      delayMs = next;
    },
    kill: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}

async function readCall(request: IncomingMessage): Promise<{ method?: string; id?: unknown }> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
  }
  return text === '' ? { method: 'health' } : JSON.parse(text);
}

/** https://www.rfc-editor.org/rfc/rfc6455: short text frames only. */
function echo(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.on('error', () => {});
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('data', (frame: Buffer) => {
    const mask = frame.subarray(2, 6);
    const text = frame.subarray(6).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
    socket.write(Buffer.concat([Buffer.from([frame[0] ?? 0, text.length]), text]));
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('no port');
  }
  return address.port;
}
