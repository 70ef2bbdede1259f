import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock as clock } from '../runtime/clock.ts';
import { createFakeClock } from '../runtime/fake-clock.ts';
import { type Check, probe } from './probe.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** The port it listens on. */
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => open.add(socket));
  cleanups.push(() => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return (address satisfies AddressInfo).port;
}

const serve = (listener: RequestListener) => listen(createServer(listener));
const serveTcp = (onText?: string) =>
  listen(
    createTcpServer((socket) => {
      socket.on('error', () => {});
      if (onText !== undefined) socket.end(onText);
    }),
  );

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const port = await serveTcp();
  for (const cleanup of cleanups.splice(-1)) await cleanup();
  return port;
}

function ask(port: number, check: Check, host = '127.0.0.1') {
  const { signal } = new AbortController();
  return probe({ host, port }, check, { signal, clock, deadlineMs: 5_000 });
}

const passed = { outcome: 'passed' };
const failed = (port: number, reason: string) => ({ outcome: 'failed', reason: `port ${port}: ${reason}` });

describe('tcp', () => {
  test('passes when a connection opens, though nobody says a word', async () => {
    expect(await ask(await serveTcp(), { kind: 'tcp' })).toEqual(passed);
  });

  test('fails when the connection is refused', async () => {
    const port = await closedPort();
    expect(await ask(port, { kind: 'tcp' })).toEqual(failed(port, 'the connection was refused'));
  });

  test('tells a name that nobody knows from a program that is down', async () => {
    expect(await ask(1, { kind: 'tcp' }, 'nobody.invalid')).toMatchObject({ outcome: 'unreachable' });
  });
});

describe('http', () => {
  const http: Check = { kind: 'http', path: '/ok?x=1', status: 200 };

  test('passes with the status that is expected, asked for at its path', async () => {
    const asked: string[] = [];
    const port = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('fine');
    });
    expect(await ask(port, http)).toEqual(passed);
    expect(await ask(port, { ...http, path: '/ü' })).toEqual(passed);
    expect(asked).toEqual(['GET /ok?x=1', 'GET /%C3%BC']);
  });

  test('fails with another status', async () => {
    const port = await serve((_, response) => response.writeHead(503).end('secret'));
    expect(await ask(port, http)).toEqual(failed(port, 'answered 503, not 200'));
    expect(await ask(port, { ...http, status: 404 })).toEqual(failed(port, 'answered 503, not 404'));
  });

  test('does not follow a redirect, which may be what is expected', async () => {
    const asked: (string | undefined)[] = [];
    const port = await serve((request, response) => {
      asked.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(await ask(port, { ...http, status: 302 })).toEqual(passed);
    expect(await ask(port, http)).toEqual(failed(port, 'answered 302, not 200'));
    expect(asked).toEqual(['/ok?x=1', '/ok?x=1']);
  });

  test('passes with the head of an answer that never ends', async () => {
    const port = await serve((_, response) => {
      response.write('on and on');
    });
    expect(await ask(port, http)).toEqual(passed);
  });

  test('fails when what answers speaks something else', async () => {
    const port = await serveTcp('SSH-2.0-x\r\n');
    expect(await ask(port, http)).toEqual(failed(port, 'the answer is no HTTP'));
  });

  test('fails when the connection closes without an answer', async () => {
    const port = await serveTcp('');
    expect(await ask(port, http)).toEqual(failed(port, 'the connection was reset'));
  });
});

describe('jsonRpc', () => {
  const call: Check = { kind: 'jsonRpc', path: '/rpc', method: 'eth_syncing', params: ['secret-param', 1] };

  function answering(answer: unknown, status = 200) {
    return serve((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  }

  test('posts the call and passes with any result', async () => {
    const asked: unknown[] = [];
    const port = await serve(async (request, response) => {
      const { host, 'content-type': type } = request.headers;
      asked.push([request.method, request.url, host, type, JSON.parse(await textOf(request))]);
      response.end('{"jsonrpc":"2.0","id":1,"result":{"a":[1,null]}}');
    });
    expect(await ask(port, call)).toEqual(passed);
    expect(asked).toEqual([
      [
        'POST',
        '/rpc',
        'localhost',
        'application/json',
        { jsonrpc: '2.0', id: 1, method: 'eth_syncing', params: ['secret-param', 1] },
      ],
    ]);
  });

  test.for([
    [false, false],
    [null, null],
    ['0x1', '0x1'],
    [
      { b: [1, { c: 2 }], a: null },
      { a: null, b: [1, { c: 2 }] },
    ],
    [[], []],
  ] as const)('passes with the result %j that is expected', async ([result, expected]) => {
    const port = await answering({ jsonrpc: '2.0', id: 1, result });
    expect(await ask(port, { ...call, result: expected })).toEqual(passed);
  });

  test.for([
    [true, false, 'true'],
    [null, false, 'null'],
    [7, '7', '7'],
    ['secret', false, 'a string'],
    [['secret'], [], 'a list'],
    [{ a: 1, more: 'secret' }, { a: 1 }, 'an object'],
  ] as const)('fails with the result %j where %j is expected', async ([result, expected, said]) => {
    const port = await answering({ jsonrpc: '2.0', id: 1, result });
    const reason = `the result is ${said}, not the one expected`;
    expect(await ask(port, { ...call, result: expected })).toEqual(failed(port, reason));
  });

  test.for([
    [{ error: { code: -32601, message: 'secret' } }, 'answered with error -32601 (method not found)'],
    [{ error: { code: 7, message: 'secret' }, result: 1 }, 'answered with error 7'],
    [{ error: 'secret' }, 'answered with an error'],
    [{ id: 1 }, 'the answer is no JSON-RPC'],
    [[{ result: 1 }], 'the answer is no JSON-RPC'],
    ['<html>secret', 'the answer is no JSON-RPC'],
    ['', 'the answer is no JSON-RPC'],
    ['null', 'the answer is no JSON-RPC'],
  ] as const)('fails with the answer %j', async ([answer, reason]) => {
    const port = await answering(answer);
    expect(await ask(port, call)).toEqual(failed(port, reason));
  });

  test('brings back the text that is asked for, and nothing else', async () => {
    const port = await answering({ result: { enode: 'enode://x@h:1', more: { secret: 1 } } });
    expect(await ask(port, { ...call, resultPath: 'enode' })).toEqual({ ...passed, text: 'enode://x@h:1' });
    for (const resultPath of ['', 'more', 'nothing'])
      expect(await ask(port, { ...call, resultPath })).toEqual(passed);
  });

  test('takes a result of any depth', async () => {
    const deep = `${'['.repeat(100_000)}1${']'.repeat(100_000)}`;
    const port = await answering(`{"result":${deep}}`);
    expect(await ask(port, { ...call, resultPath: '' })).toEqual(passed);
    expect(await ask(port, { ...call, result: [[1]] })).toMatchObject({ outcome: 'failed' });
  });

  test('passes with an error that is null, as version 1.0 has it', async () => {
    expect(await ask(await answering({ error: null, result: 1 }), call)).toMatchObject(passed);
  });

  test('fails with another status than 200, whatever comes with it', async () => {
    const port = await answering({ result: 1 }, 500);
    expect(await ask(port, call)).toEqual(failed(port, 'answered 500, not 200'));
  });

  test('does not read more than a node has to say', async () => {
    let written = 0;
    const port = await serve((_, response) => {
      const more = () => {
        written += 1;
        if (!response.destroyed) response.write('x'.repeat(65_536), more);
      };
      more();
    });
    expect(await ask(port, call)).toEqual(failed(port, 'the answer has more than 256 KiB'));
    expect(written).toBeLessThan(1_000);
  });

  test('shows nothing that was sent or answered', async () => {
    const port = await answering({ error: { code: 1, message: 'secret-param is wrong', data: 'secret' } });
    expect(JSON.stringify(await ask(port, { ...call, path: '/secret' }))).not.toContain('secret');
  });
});

describe('the deadline', () => {
  /** Time passes when the other side has done its part. */
  async function late(port: number, check: Check, moment: Promise<unknown>) {
    const fake = createFakeClock();
    const answer = probe({ host: '127.0.0.1', port }, check, {
      signal: new AbortController().signal,
      clock: fake,
      deadlineMs: 5_000,
    });
    await moment;
    await fake.advance(5_000);
    expect(fake.pending()).toBe(0);
    return answer;
  }

  function silent(begin?: string) {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const port = serve((_, response) => {
      if (begin !== undefined) response.write(begin);
      resolve();
    });
    return { port, asked };
  }

  test('ends the wait for an answer that does not come', async () => {
    const { port, asked } = silent();
    const http: Check = { kind: 'http', path: '/', status: 200 };
    expect(await late(await port, http, asked)).toEqual(failed(await port, 'no answer within 5 s'));
  });

  test('ends the wait for the rest of an answer', async () => {
    const { port, asked } = silent('{"result":');
    const call: Check = { kind: 'jsonRpc', path: '/', method: 'm' };
    expect(await late(await port, call, asked)).toEqual(failed(await port, 'no answer within 5 s'));
  });

  test('before a connection means that nobody could be reached', async () => {
    const port = await serveTcp();
    // Over before the event loop has a chance to see the connection open.
    const later: Clock['after'] = (_, run) => {
      queueMicrotask(run);
      return () => {};
    };
    const hasty: Clock = { ...clock, after: later };
    const options = { signal: new AbortController().signal, clock: hasty, deadlineMs: 5_000 };
    for (const kind of ['tcp', 'http'] as const) {
      const check: Check = kind === 'tcp' ? { kind } : { kind, path: '/', status: 200 };
      expect(await probe({ host: '127.0.0.1', port }, check, options)).toEqual({
        outcome: 'unreachable',
        reason: `port ${port}: no connection within 5 s`,
      });
    }
  });
});

test('an aborted signal ends it at once, with its reason', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const port = await serve(() => resolve());
  const stop = new AbortController();
  const options = { signal: stop.signal, clock, deadlineMs: 5_000 };
  const answer = probe({ host: '127.0.0.1', port }, { kind: 'http', path: '/', status: 200 }, options);
  const ended = expect(answer).rejects.toThrow('stopped');
  await asked;
  stop.abort(new Error('stopped'));
  await ended;
  await expect(probe({ host: '127.0.0.1', port }, { kind: 'tcp' }, options)).rejects.toThrow('stopped');
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
