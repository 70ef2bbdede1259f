import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import type { CallGate } from '../cloud.ts';
import { commonVersion, createEngines } from './engine.ts';

test.each([
  ['1.41', '1.12', '1.41'],
  ['1.47', '1.24', '1.47'],
  ['1.60', '1.44', '1.51'],
  ['2.1', '1.60', '1.60'],
])('of %s down to %s it speaks %s', (ApiVersion, MinAPIVersion, spoken) => {
  expect(commonVersion({ ApiVersion, MinAPIVersion })).toBe(spoken);
});

test('an engine that is too old is told so', () => {
  expect(() => commonVersion({ ApiVersion: '1.40' })).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: expect.stringContaining('speaks API 1.40 at most; 1.41 is the oldest'),
    }),
  );
});

const { signal } = new AbortController();

async function talkTo(answer: RequestListener, clock = systemClock) {
  const socketPath = join(tmpdir(), `peerage-engine-${randomUUID().slice(0, 8)}.sock`);
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const calls: string[] = [];
  const gate: CallGate = (call, run) => {
    calls.push(call.api);
    return run(call.signal);
  };
  const engines = await createEngines({ connection: { socketPath }, gate, clock, closed: signal });
  onTestFinished(() => {
    engines.close();
    server.closeAllConnections();
    server.close();
  });
  return { engines, calls };
}

const engine =
  (id: () => string): RequestListener =>
  ({ url = '' }, response) => {
    const facts = url.endsWith('/info')
      ? { ID: id(), Name: 'host', ServerVersion: '99.0' }
      : { ApiVersion: '1.99', MinAPIVersion: '1.44' };
    response.end(JSON.stringify(facts));
  };

test('agrees once for all who ask', async () => {
  const { engines, calls } = await talkTo(engine(() => 'A'));
  const [one] = await Promise.all([engines.get(signal), engines.get(signal)]);
  expect(one.facts).toMatchObject({ id: 'A', name: 'host', version: '99.0', apiVersion: '1.51' });
  await engines.get(signal);
  expect(calls).toEqual(['SystemVersion', 'SystemInfo']);
});

test('looks again when in doubt, and goes on with the same engine only', async () => {
  let id = 'A';
  const { engines } = await talkTo(engine(() => id));
  await engines.get(signal);
  engines.doubt();
  expect((await engines.get(signal)).facts.id).toBe('A');
  engines.doubt();
  id = 'B';
  await expect(engines.get(signal)).rejects.toMatchObject({ code: 'unauthorized', reason: 'EngineChanged' });
  id = 'A';
  expect((await engines.get(signal)).facts.id).toBe('A');
});

test('asks where it is told to, whatever the environment says', async () => {
  vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
  vi.stubEnv('DOCKER_TLS_VERIFY', '1');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { engines } = await talkTo(engine(() => 'A'));
  expect((await engines.get(signal)).facts.id).toBe('A');
});

test('something that is no engine is told so', async () => {
  const { engines } = await talkTo((_, response) => response.end('{"hello": "world"}'));
  await expect(engines.get(signal)).rejects.toMatchObject({
    api: 'SystemVersion',
    code: 'unavailable',
    reason: 'UnreadableAnswer',
    message: expect.stringMatching(/^SystemVersion refused: UnreadableAnswer: engine \S+: /),
  });
});

test('an answer that breaks off in its middle ends with the deadline', async () => {
  const clock = createFakeClock();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { engines } = await talkTo((_, response) => {
    response.writeHead(200, { 'Content-Length': 1000 });
    response.write('{');
    response.destroy();
    resolve();
  }, clock);
  const answer = engines.get(signal);
  const refused = expect(answer).rejects.toMatchObject({ code: 'unavailable', outcome: 'none' });
  await asked;
  await clock.advance(10_000);
  await refused;
});

test.each(['version', 'info'])(
  'the deadline ends the request itself, not only the wait (%s)',
  async (asked) => {
    const clock = createFakeClock();
    const { promise: request, resolve: comes } = Promise.withResolvers<void>();
    const { promise: connection, resolve: ends } = Promise.withResolvers<void>();
    const { engines } = await talkTo((...exchange) => {
      const [{ url = '', socket }] = exchange;
      if (!url.endsWith(`/${asked}`)) return engine(() => 'A')(...exchange);
      socket.once('close', () => ends());
      comes();
    }, clock);
    const refused = expect(engines.get(signal)).rejects.toMatchObject({
      code: 'unavailable',
      outcome: 'none',
    });
    await request;
    await clock.advance(10_000);
    await refused;
    await connection;
  },
);

test('whoever gives up waiting ends it for nobody else', async () => {
  const { engines } = await talkTo(engine(() => 'A'));
  const over = new AbortController();
  const left = engines.get(over.signal);
  const stays = engines.get(signal);
  over.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
  expect((await stays).facts.id).toBe('A');
});
