import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { curlOf, runCurl, spell } from './curl.ts';

const { signal } = new AbortController();

/** Answers every call so. */
async function serve(text: string): Promise<string> {
  const server = createServer((_, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

test('is spelled so that a shell takes it as it is', () => {
  expect(spell(curlOf('http://127.0.0.1:8545', 'eth_chainId'))).toBe(
    `curl -s http://127.0.0.1:8545 -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'`,
  );
});

test('answers what came back', async () => {
  const url = await serve('{"jsonrpc":"2.0","id":1,"result":"0x7a69"}\n');
  expect(await runCurl(curlOf(url, 'eth_chainId'), signal)).toBe(
    '{"jsonrpc":"2.0","id":1,"result":"0x7a69"}',
  );
});

test.each(['<h1>503</h1>', '{"jsonrpc":"2.0","id":1,"error":{"code":-32601}}', ''])(
  'takes %j for no answer',
  async (text) => {
    const url = await serve(text);
    await expect(runCurl(curlOf(url, 'eth_chainId'), signal)).rejects.toThrow('no result of a JSON-RPC call');
  },
);
