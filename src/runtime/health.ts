import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeError } from './errors.ts';

/** Undefined when all is well, else what is wrong. Reads state; does not go and look. */
type Check = () => string | undefined;

export interface HealthOptions {
  /** `host:port`, `[::]:port`, or `:port` for every address; port 0 takes a free one. */
  readonly address: string;
  /** By name. A failing one has the kubelet restart us. */
  readonly live?: Readonly<Record<string, Check>>;
  /** By name. A failing one has the kubelet send us no traffic. */
  readonly ready?: Readonly<Record<string, Check>>;
  /** The text of `/metrics` in Prometheus format; absent: 404. */
  readonly metrics?: () => Promise<string>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `/livez`, `/readyz` and `/metrics`. Rejects when the address cannot be had. */
export async function serveHealth({ address, live, ready, metrics }: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/livez' && live !== undefined) report(response, live);
    else if (path === '/readyz' && ready !== undefined) report(response, ready);
    else if (path === '/metrics' && metrics !== undefined) void scrape(response, metrics);
    else answer(response, 404, 'not found\n');
  });
  const { host, port } = splitAddress(address);
  await new Promise<void>((resolve, reject) => {
    // Heard later on as well: a connection that could not be taken in must not end the process.
    server.on('error', (cause) => reject(new Error(`listening on ${address}`, { cause })));
    server.listen({ port, ...(host !== '' && { host }) }, resolve);
  });
  return {
    port: portOf(server.address()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Throws when it is no `host:port`. */
export function splitAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/.exec(address);
  const port = Number(match?.groups?.port);
  if (match === null || port > 65_535)
    throw new Error(`${address} is no address: host:port or :port is expected`);
  return { host: match.groups?.six ?? match.groups?.host ?? '', port };
}

/** In the words of kube-apiserver's own `/readyz?verbose`. */
function report(response: ServerResponse, checks: Readonly<Record<string, Check>>): void {
  const results = Object.entries(checks).map(([name, check]) => ({ name, wrong: check() }));
  const failed = results.some(({ wrong }) => wrong !== undefined);
  const lines = results.map(({ name, wrong }) =>
    wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: ${wrong}`,
  );
  answer(
    response,
    failed ? 503 : 200,
    `${[...lines, failed ? 'check failed' : 'check passed'].join('\n')}\n`,
  );
}

async function scrape(response: ServerResponse, metrics: () => Promise<string>): Promise<void> {
  try {
    const text = await metrics();
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    answer(response, 200, text);
  } catch (error) {
    answer(response, 500, `collecting metrics failed: ${describeError(error)}\n`);
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.writeHead(status).end(text);
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
