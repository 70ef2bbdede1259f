import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../runtime/fake-clock.ts';
import { askedPauseMs, isConflict, isForbiddenNamespaceTerminating, isGone, KubeError } from './errors.ts';
import type { KubeObject } from './object.ts';
import { createResource, type Resource } from './resource.ts';
import { createTransport, type Transport } from './transport.ts';

let server: Server;
let transport: Transport;
let things: Resource<KubeObject>;
let handle: RequestListener;
let requests: { line: string; headers: IncomingMessage['headers']; body: string }[];
let counted: string[];
let clock: FakeClock;

beforeEach(async () => {
  requests = [];
  counted = [];
  clock = createFakeClock();
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  transport = createTransport({
    target: {
      cluster: { server: `http://127.0.0.1:${port()}/clusters/c1/` },
      ...{ user: {}, userName: 'u', namespace: undefined, source: 'test' },
    },
    ...{ deadlineMs: 2_000, clock, userAgent: 'peerage/1', env: {} },
    requests: { inc: ({ method, code }) => counted.push(`${method} ${code}`) },
  });
  things = createResource(
    transport,
    {
      ...{ group: 'test.dev', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true },
      parse: (raw) => raw,
    },
    'peerage',
  );
});

afterEach(() => {
  transport.close();
  server.closeAllConnections();
  server.close();
});

function port(): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function answer(status: number, body: unknown): void {
  handle = (_, response) => {
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

function watch(idleMs = 1_000) {
  return things.watch({ resourceVersion: '7', timeoutSeconds: 300, idleMs });
}

const object = {
  metadata: { name: 'a', namespace: 'ns', resourceVersion: '8', managedFields: [{ manager: 'x' }] },
};

describe('a call', () => {
  test('goes below the server’s own path, with our name and the patch’s type', async () => {
    answer(200, object);
    const patched = await things.patch(
      object.metadata,
      { status: {} },
      { type: 'merge', subresource: 'status' },
    );
    expect(requests).toEqual([
      {
        line: 'PATCH /clusters/c1/apis/test.dev/v1/namespaces/ns/things/a/status?fieldManager=peerage',
        headers: expect.objectContaining({
          'content-type': 'application/merge-patch+json',
          'user-agent': 'peerage/1',
        }),
        body: '{"status":{}}',
      },
    ]);
    expect(patched).toEqual({
      apiVersion: 'test.dev/v1',
      kind: 'Thing',
      metadata: { name: 'a', namespace: 'ns', resourceVersion: '8' },
    });
    expect(counted).toEqual(['PATCH 200']);
  });

  test('escapes what stands in names and selectors', async () => {
    answer(200, { metadata: { resourceVersion: '1' }, items: null });
    await things.list({ namespace: 'ns', labelSelector: 'a in (b,c)', pageSize: 2 });
    expect(requests[0]?.line).toBe(
      'GET /clusters/c1/apis/test.dev/v1/namespaces/ns/things?labelSelector=a%20in%20(b%2Cc)&limit=2',
    );
  });

  test('follows a list page by page, and answers with the version that all pages share', async () => {
    handle = (request, response) => {
      const second = request.url?.includes('continue=page-2');
      const metadata = { resourceVersion: '40', ...(!second && { continue: 'page-2' }) };
      const items = [{ metadata: { ...object.metadata, name: second ? 'b' : 'a' } }];
      response.end(JSON.stringify({ metadata, items }));
    };
    const { items, resourceVersion } = await things.list();
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(resourceVersion).toBe('40');
  });

  test('uses one connection for many', async () => {
    answer(200, object);
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    for (let n = 0; n < 5; n++) await things.get(object.metadata);
    expect(connections).toBe(1);
  });

  test('is repeated when it only reads and the kept connection had just been closed', async () => {
    answer(200, object);
    await things.get(object.metadata);
    let first = true;
    handle = (request, response) => {
      if (first) request.socket.destroy();
      else response.end(JSON.stringify(object));
      first = false;
    };
    expect((await things.get(object.metadata))?.metadata.name).toBe('a');
    expect(requests.length).toBe(3);
  });

  test('is not repeated when it writes: nobody knows whether it happened', async () => {
    answer(200, object);
    await things.get(object.metadata);
    handle = (request) => request.socket.destroy();
    const lost = things.patch(object.metadata, {}, { type: 'merge' });
    await expect(lost).rejects.toMatchObject({ status: 0, reason: 'NoAnswer' });
    expect(requests.length).toBe(2);
    expect(counted.at(-1)).toBe('PATCH <error>');
  });

  test('fails when the answer is cut off', async () => {
    handle = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"metadata":');
      setImmediate(() => response.destroy());
    };
    await expect(things.get(object.metadata)).rejects.toMatchObject({ status: 0, reason: 'NoAnswer' });
  });

  test.each([
    { what: 'begin', begin: () => undefined },
    { what: 'end', begin: (response: ServerResponse) => response.write('{"metadata":') },
  ])('ends at its deadline when its answer does not $what', async ({ begin }) => {
    handle = (_, response) => {
      begin(response);
      setImmediate(() => clock.advance(2_000));
    };
    await expect(things.get(object.metadata)).rejects.toThrow(
      'get things.test.dev ns/a: waiting for the answer: deadline of 2 s passed',
    );
    expect(clock.pending()).toBe(0);
  });

  test('is not said again after its deadline, though its connection was a kept one', async () => {
    answer(200, object);
    await things.get(object.metadata);
    handle = (_, response) => {
      response.write('{"metadata":');
      setImmediate(() => clock.advance(2_000));
    };
    await expect(things.get(object.metadata)).rejects.toThrow('deadline of 2 s passed');
    expect(requests.length).toBe(2);
  });

  test('ends with its signal, and says why', async () => {
    const stop = new AbortController();
    handle = () => stop.abort(new Error('SIGTERM'));
    const ended = things.get(object.metadata, { signal: stop.signal });
    await expect(ended).rejects.toThrow('get things.test.dev ns/a: SIGTERM');
    await expect(things.get(object.metadata, { signal: stop.signal })).rejects.toThrow('SIGTERM');
    expect(requests.length).toBe(1);
  });

  test('carries the server’s reason in its error', async () => {
    const status = { kind: 'Status', code: 409, reason: 'Conflict', message: 'the object has been modified' };
    answer(409, status);
    const refusal = things.patch(object.metadata, {}, { type: 'merge' });
    await expect(refusal).rejects.toThrow('patch things.test.dev ns/a: the object has been modified');
    await expect(refusal).rejects.toSatisfy(isConflict);
  });

  test('tells a namespace that is going from other things forbidden', async () => {
    const causes = [{ reason: 'NamespaceTerminating', message: 'x', field: 'metadata.namespace' }];
    const status = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' };
    answer(403, { ...status, details: { causes } });
    await expect(things.create(object)).rejects.toSatisfy(isForbiddenNamespaceTerminating);
    answer(403, status);
    await expect(things.create(object)).rejects.not.toSatisfy(isForbiddenNamespaceTerminating);
  });

  test('hands on how long an overloaded server wants to be left alone, by its Status or in plain text', async () => {
    answer(429, { kind: 'Status', code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } });
    await expect(things.get(object.metadata)).rejects.toSatisfy((error) => askedPauseMs(error) === 3_000);
    handle = (_, response) => {
      response.writeHead(429, { 'retry-after': '1' }).end('Too many requests, please try again later.\n');
    };
    await expect(things.get(object.metadata)).rejects.toSatisfy((error) => askedPauseMs(error) === 1_000);
    await expect(watch().next()).rejects.toSatisfy((error) => askedPauseMs(error) === 1_000);
    answer(500, 'broken');
    await expect(things.get(object.metadata)).rejects.toSatisfy((error) => askedPauseMs(error) === 0);
  });

  test('makes an error of what a proxy says in plain text', async () => {
    answer(502, 'bad gateway');
    await expect(things.get(object.metadata)).rejects.toMatchObject({ status: 502, message: /bad gateway/ });
  });
});

describe('a watch', () => {
  test('yields its events however the network cuts them, and bookmarks as versions', async () => {
    const lines = [
      { type: 'ADDED', object: { ...object, spec: { name: 'größer' } } },
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: '99' } } },
      { type: 'DELETED', object },
    ];
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    handle = async (_, response) => {
      response.flushHeaders();
      for (let at = 0; at < bytes.length; at += 7) {
        response.write(bytes.subarray(at, at + 7));
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    };
    const events = [];
    for await (const event of watch()) events.push(event);
    expect(events).toEqual([
      { type: 'ADDED', object: expect.objectContaining({ kind: 'Thing', spec: { name: 'größer' } }) },
      { type: 'BOOKMARK', resourceVersion: '99' },
      { type: 'DELETED', object: expect.objectContaining({ kind: 'Thing' }) },
    ]);
    expect(requests[0]?.line).toMatch(
      /watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=300$/,
    );
  });

  test.each([
    ['as its answer', 410, (status: object) => status],
    ['as its event', 200, (status: object) => ({ type: 'ERROR', object: status })],
  ])('hears %s that its version is too old', async (_, code, wrap) => {
    answer(
      code,
      `${JSON.stringify(wrap({ kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }))}\n`,
    );
    await expect(watch().next()).rejects.toSatisfy(isGone);
  });

  test('fails, and does not just end, when its connection does', async () => {
    handle = (_, response) => {
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n{"type":`);
      setImmediate(() => response.destroy());
    };
    const events = watch();
    expect((await events.next()).value?.type).toBe('ADDED');
    await expect(events.next()).rejects.toBeInstanceOf(KubeError);
  });

  test('outlasts the deadline of a call, and ends with its signal', async () => {
    const stop = new AbortController();
    const closed = Promise.withResolvers<void>();
    handle = (request, response) => {
      request.socket.once('close', () => closed.resolve());
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    };
    const events = things.watch({
      ...{ resourceVersion: '7', timeoutSeconds: 300, idleMs: 10_000, signal: stop.signal },
    });
    await events.next();
    await clock.advance(10_000);
    const next = events.next();
    stop.abort(new Error('SIGTERM'));
    await expect(next).rejects.toBeInstanceOf(KubeError);
    await closed.promise;
  });

  test('that is refused, and not even told why, does not wait for it', async () => {
    handle = (_, response) => {
      response.writeHead(500).write('{"kind":');
    };
    await expect(watch(50).next()).rejects.toMatchObject({ status: 0, message: /silent for 0.05 s/ });
  });

  test('lets go of its connection when nobody listens any more', async () => {
    const closed = Promise.withResolvers<void>();
    handle = (request, response) => {
      request.socket.once('close', () => closed.resolve());
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    };
    for await (const _ of watch()) break;
    await closed.promise;
  });

  test('keeps no call waiting for a connection', async () => {
    handle = (request, response) => {
      if (request.url?.includes('watch')) response.write('\n');
      else response.end(JSON.stringify(object));
    };
    const watches = Array.from({ length: 60 }, () => watch(10_000));
    const opened = watches.map((one) => one.next().catch(() => {}));
    expect((await things.get(object.metadata))?.metadata.name).toBe('a');
    transport.close();
    await Promise.all(opened);
  });
});

test('a server that refuses connections is named', async () => {
  server.close();
  const refused = things.get(object.metadata);
  await expect(refused).rejects.toThrow(`get things.test.dev ns/a: connect ECONNREFUSED 127.0.0.1:`);
});
