import { createServer, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type Calls, readAnswer, startCalls } from './docker-calls.ts';

async function serve(answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function callsTo(port: number, count: number): Promise<Calls> {
  const calls = startCalls({ port, clients: 2, method: 'who' });
  await calls.made(count);
  await calls.stop();
  return calls;
}

test('counts answers by their result', async () => {
  let turn = 0;
  const port = await serve((_, response) => response.end(`{"result":"${turn++ % 2}"}`));
  const calls = await callsTo(port, 100);
  expect(calls.failures).toEqual([]);
  expect(Math.abs((calls.results.get('0') ?? 0) - (calls.results.get('1') ?? 0))).toBeLessThanOrEqual(1);
});

test.each<[string, RequestListener, string]>([
  ['another status', (_, response) => response.writeHead(503).end('{"result":"1"}'), 'status 503'],
  ['an error', (_, response) => response.end('{"error":{}}'), 'no result: {"error":{}}'],
  ['an end without an answer', (request) => request.socket.destroy(), 'closed before an answer'],
])('takes %s for a failure', async (_, answer, why) => {
  const calls = await callsTo(await serve(answer), 4);
  expect(new Set(calls.failures)).toEqual(new Set([why]));
  expect(calls.answered()).toBe(0);
});

test('goes on after a connection that was said to end', async () => {
  const port = await serve((_, response) => response.setHeader('Connection', 'close').end('{"result":"1"}'));
  expect((await callsTo(port, 20)).failures).toEqual([]);
});

test('keeps to a rate', async () => {
  const port = await serve((_, response) => response.end('{"result":"1"}'));
  const startedAt = performance.now();
  const calls = startCalls({ port, clients: 4, method: 'who', perSecond: 200 });
  await calls.made(60);
  expect(performance.now() - startedAt).toBeGreaterThan(250);
  await calls.stop();
});

test('tells the longest time without an answer', async () => {
  let calls = 0;
  const port = await serve((_, response) => {
    calls += 1;
    setTimeout(() => response.end('{"result":"1"}'), calls > 6 && calls <= 8 ? 120 : 0);
  });
  expect((await callsTo(port, 20)).longestGapMs()).toBeGreaterThan(100);
});

test('waits for the whole of an answer', () => {
  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd';
  expect(readAnswer(whole)).toEqual({ status: 200, body: 'abcd', closes: true });
  for (let length = 0; length < whole.length; length++)
    expect(readAnswer(whole.slice(0, length))).toBeUndefined();
});
