import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { inject } from 'vitest';
import { z } from 'zod';

const kubeconfigSchema = z.object({
  users: z.tuple([
    z.object({ user: z.object({ 'client-certificate-data': z.string(), 'client-key-data': z.string() }) }),
  ]),
});

const objectSchema = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string(),
    generation: z.number().optional(),
    resourceVersion: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    finalizers: z.array(z.string()).optional(),
  }),
  spec: z.looseObject({}).optional(),
  status: z.looseObject({}).optional(),
});

/** An object as the server keeps it. Below spec and status use `toMatchObject`, or the kind's own schema. */
export type ApiObject = z.infer<typeof objectSchema>;

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

let connection: { readonly agent: Agent; readonly url: string } | undefined;

/**
 * One request to the run's API server as administrator, deliberately not by the client that is under test. The path is the
 * server's own: `/apis/peerage.dev/v1alpha1/namespaces/x/nodes`. Answers whatever status the server gives.
 */
export async function api(
  method: string,
  path: string,
  body?: unknown,
  contentType = 'application/json',
): Promise<ApiAnswer> {
  connection ??= connect();
  const { agent, url } = connection;
  const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer>();
  const headers = body === undefined ? {} : { 'content-type': contentType };
  const sent = request(new URL(path, url), { agent, method, headers, timeout: 30_000 }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('error', reject);
    response.once('end', () => {
      const text = Buffer.concat(chunks).toString();
      try {
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
      } catch {
        resolve({ status: response.statusCode ?? 0, body: text });
      }
    });
  });
  sent.once('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
  sent.once('error', reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** The object at the path; undefined when there is none. */
export async function getObject(path: string): Promise<ApiObject | undefined> {
  const { status, body } = await api('GET', path);
  return status === 404 ? undefined : objectSchema.parse(accepted('GET', path, { status, body }));
}

/** All objects below the path, in one answer. */
export async function listObjects(path: string): Promise<ApiObject[]> {
  const answer = accepted('GET', path, await api('GET', path));
  return z.object({ items: z.array(objectSchema) }).parse(answer).items;
}

export async function createObject(path: string, object: unknown): Promise<ApiObject> {
  return objectSchema.parse(accepted('POST', path, await api('POST', path, object)));
}

/** A merge patch (RFC 7386). */
export async function patchObject(path: string, patch: unknown): Promise<ApiObject> {
  const answer = await api('PATCH', path, patch, 'application/merge-patch+json');
  return objectSchema.parse(accepted('PATCH', path, answer));
}

/** Asks for the object's removal, which finalizers may hold back. It is fine if there is none. */
export async function deleteObject(path: string): Promise<void> {
  const answer = await api('DELETE', path);
  if (answer.status !== 404) {
    accepted('DELETE', path, answer);
  }
}

/** Takes the run's kubeconfig, which the control plane writes as JSON. */
function connect() {
  const { url, caPem, kubeconfigPath } = inject('controlPlane');
  const { users } = kubeconfigSchema.parse(JSON.parse(readFileSync(kubeconfigPath, 'utf8')));
  const decode = (text: string) => Buffer.from(text, 'base64');
  const agent = new Agent({
    ca: caPem,
    cert: decode(users[0].user['client-certificate-data']),
    key: decode(users[0].user['client-key-data']),
    keepAlive: true,
  });
  return { agent, url };
}

function accepted(method: string, path: string, { status, body }: ApiAnswer): unknown {
  if (status >= 400) {
    throw new Error(`${method} ${path} was refused with ${status}: ${JSON.stringify(body)}`);
  }
  return body;
}
