import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { z } from 'zod';
import { listen, readBody } from '../../src/sandbox/http.ts';

export interface Patch {
  /** With its query: `/apis/peerage.dev/v1alpha1/namespaces/x/nodes/a?fieldManager=peerage`. */
  readonly path: string;
  readonly body: unknown;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * Stands around every patch. `forward` lets it reach the server and answers what the server said; whoever does not call it
 * keeps the patch from ever arriving. `lost`: the caller's connection is cut instead of an answer.
 */
export type PatchGate = (patch: Patch, forward: () => Promise<number>) => Promise<'answered' | 'lost'>;

export interface KubeGate {
  /** For the operator: leads to the run's API server, as administrator. */
  readonly kubeconfigPath: string;
  stop(): Promise<void>;
}

const userSchema = z.object({
  users: z.tuple([
    z.object({ user: z.object({ 'client-certificate-data': z.string(), 'client-key-data': z.string() }) }),
  ]),
});

/** Stands between the operator and the run's API server, so that a test decides what becomes of a write. */
export async function openKubeGate(gate: PatchGate): Promise<KubeGate> {
  const { url, caPem, kubeconfigPath } = inject('controlPlane');
  const { user } = userSchema.parse(JSON.parse(readFileSync(kubeconfigPath, 'utf8'))).users[0];
  const decode = (text: string) => Buffer.from(text, 'base64');
  const agent = new Agent({
    ca: caPem,
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
    keepAlive: true,
  });

  function send(incoming: IncomingMessage, body: string) {
    const { host: _, ...headers } = incoming.headers;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request(new URL(incoming.url ?? '/', url), { agent, method: incoming.method, headers });
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.end(body);
    return { answer: promise, cancel: () => sent.destroy() };
  }

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    if (incoming.method !== 'PATCH') {
      const { answer: begun, cancel } = send(incoming, body);
      // A watch ends with the one who watches, even if that was killed.
      response.once('close', () => response.writableFinished || cancel());
      const answer = await begun;
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
      return;
    }
    let answered: Answer | undefined;
    const became = await gate({ path: incoming.url ?? '', body: JSON.parse(body) }, async () => {
      const answer = await send(incoming, body).answer;
      answered = { status: answer.statusCode ?? 502, body: await readAll(answer) };
      return answered.status;
    });
    if (became === 'lost' || answered === undefined) incoming.socket.destroy();
    else response.writeHead(answered.status, { 'content-type': 'application/json' }).end(answered.body);
  }

  const server = await listen(0, async (incoming, response) => {
    try {
      await pass(incoming, response);
    } catch {
      incoming.socket.destroy();
    }
  });
  const home = await mkdtemp(join(tmpdir(), 'peerage-gate-'));
  const path = join(home, 'kubeconfig');
  await writeFile(path, JSON.stringify(kubeconfigFor(server.url)));
  return {
    kubeconfigPath: path,
    stop: async () => {
      await server.stop();
      agent.destroy();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function readAll(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function kubeconfigFor(server: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'gate', cluster: { server } }],
    users: [{ name: 'gate', user: {} }],
    contexts: [{ name: 'gate', context: { cluster: 'gate', user: 'gate' } }],
    'current-context': 'gate',
  };
}
