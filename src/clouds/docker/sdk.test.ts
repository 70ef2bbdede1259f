import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import type { CallGate } from '../cloud.ts';
import { createSdk } from './sdk.ts';
import { open } from './session.ts';

const { signal } = new AbortController();

/** An engine that answers who it is, and all else with `answer`; and how often it was asked who it is. */
async function engineWith(answer: RequestListener) {
  const engine = { id: 'A', asked: 0 };
  const socketPath = join(tmpdir(), `peerage-sdk-${randomUUID().slice(0, 8)}.sock`);
  const server = createServer((request, response) => {
    const { url = '' } = request;
    if (url.endsWith('/version')) return response.end('{"ApiVersion": "1.51", "MinAPIVersion": "1.44"}');
    if (!url.endsWith('/info')) return answer(request, response);
    engine.asked += 1;
    response.end(JSON.stringify({ ID: engine.id, Name: 'host', ServerVersion: '99.0' }));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const gate: CallGate = (call, run) => run(call.signal);
  const clock = createFakeClock();
  const sdk = await createSdk({ connection: { socketPath }, gate, closed: signal, clock });
  onTestFinished(() => sdk.close());
  const session = () =>
    open({
      region: 'here',
      credential: { host: `unix://${socketPath}` },
      cluster: 'c1',
      gate,
      now: () => clock.now(),
    });
  return { engine, sdk, clock, session, stop: () => server.close() };
}

const list: RequestListener = (_, response) => void response.end('[]');

test.each([409, 500])('an engine that answers %i is the same still', async (status) => {
  const { engine, sdk } = await engineWith((_, response) => {
    response.writeHead(status);
    response.end('{"message": "no"}');
  });
  await expect(sdk.listNetworks({}, { signal })).rejects.toMatchObject({ code: 'unavailable' });
  await expect(sdk.listNetworks({}, { signal })).rejects.toMatchObject({ code: 'unavailable' });
  expect(engine.asked).toBe(1);
});

test('after a call without an answer it is asked again who it is', async () => {
  const { engine, sdk } = await engineWith((_, response) => void response.destroy());
  await expect(sdk.listNetworks({}, { signal })).rejects.toMatchObject({ reason: 'NoAnswer' });
  engine.id = 'B';
  await expect(sdk.listNetworks({}, { signal })).rejects.toMatchObject({ reason: 'EngineChanged' });
});

test.each([
  ['ends', 'end'],
  ['breaks off', 'destroy'],
] as const)('when its stream of events %s, another engine is not taken for it', async (_, how) => {
  const { engine, sdk } = await engineWith((request, response) => {
    if (!request.url?.includes('/events')) return list(request, response);
    response.write('{"Type": "container"}\n', () => response[how]());
  });
  expect(await sdk.listContainers({}, { signal })).toEqual([]);
  await expect(sdk.watch({}, () => {}, { signal })).rejects.toMatchObject({ api: 'SystemEvents' });
  engine.id = 'B';
  await expect(sdk.listContainers({}, { signal })).rejects.toMatchObject({ reason: 'EngineChanged' });
});

test('the stream of events that its reader ends leaves no doubt', async () => {
  const { engine, sdk } = await engineWith((_, response) => void response.write('{"Type": "container"}\n'));
  const over = new AbortController();
  await sdk.watch({}, () => over.abort(new Error('enough')), { signal: over.signal });
  await sdk.engine({ signal });
  expect(engine.asked).toBe(1);
});

test('the deadline ends the request for an image itself', async () => {
  const { promise: request, resolve: comes } = Promise.withResolvers<void>();
  const { promise: connection, resolve: ends } = Promise.withResolvers<void>();
  const { sdk, clock } = await engineWith(({ socket }) => {
    socket.once('close', () => ends());
    comes();
  });
  const refused = expect(sdk.inspectImage('node:1', { signal })).rejects.toMatchObject({
    reason: 'NoAnswer',
  });
  await request;
  await clock.advance(30_000);
  await refused;
  await connection;
});

test.each([
  ['node:1', '/v1.51/images/node:1/json'],
  [
    'registry.example:5000/team/node@sha256:0123',
    '/v1.51/images/registry.example:5000/team/node@sha256:0123/json',
  ],
])('asks for image %s by its name', async (name, path) => {
  const asked: string[] = [];
  const { sdk } = await engineWith(({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(404);
    response.end('{"message": "no such image"}');
  });
  await expect(sdk.inspectImage(name, { signal })).rejects.toMatchObject({
    code: 'notFound',
    words: 'no such image',
  });
  expect(asked).toEqual([path]);
});

test('who verifies asks the engine each time', async () => {
  const { engine, session } = await engineWith(list);
  const opened = await session();
  onTestFinished(() => opened.close());
  expect((await opened.verify(signal)).account).toBe('A');
  engine.id = 'B';
  await expect(opened.verify(signal)).rejects.toMatchObject({
    code: 'unauthorized',
    reason: 'EngineChanged',
  });
});

test('an engine that is gone is verified no more', async () => {
  const { session, stop } = await engineWith(list);
  const opened = await session();
  onTestFinished(() => opened.close());
  await opened.verify(signal);
  stop();
  await expect(opened.verify(signal)).rejects.toMatchObject({ code: 'unavailable' });
});
