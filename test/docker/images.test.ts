import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { docker } from '../support/docker-cli.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { importImage } from '../support/images.ts';
import { programPath } from '../support/programs.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine?.stop());

test('an image is named after its content, and may be named otherwise as well', async () => {
  const reference = await importImage(engine, 'httpd');
  await importImage(engine, 'httpd', 'example.test/team/web:1');

  expect(reference).toMatch(/^peerage-test\/httpd:[0-9a-f]{16}$/);
  await expect(importImage(engine, 'httpd')).resolves.toBe(reference);
  await expect(
    docker(engine, ['run', '--rm', 'example.test/team/web:1', 'cat', '/www/index.html']),
  ).resolves.toBe('here');
});

test('the web server ends when it is told to', async () => {
  const container = await run(await importImage(engine, 'httpd'));

  await docker(engine, ['stop', '--time=60', container]);

  await expect(docker(engine, ['inspect', '--format={{.State.ExitCode}}', container])).resolves.toBe('0');
});

test.skipIf(!programPath('anvil'))('anvil answers as an Ethereum node', async () => {
  const container = await run(await importImage(engine, 'anvil'), '--publish=127.0.0.1::8545');

  await expect(call(await urlOf(container, 8545), 'eth_chainId')).resolves.toBe('0x7a69');
});

test.skipIf(!programPath('btcd'))(
  'nodes of btcd peer, and what is mined on one is known to the other',
  async () => {
    const image = await importImage(engine, 'btcd');
    await docker(engine, ['network', 'create', 'simnet']);
    const rpc = ['--network=simnet', '--publish=127.0.0.1::18556'];
    const boot = await urlOf(await run(image, '--name=boot', ...rpc), 18556);
    const other = await urlOf(await run([image, 'btcd-simnet', '--connect=boot'], ...rpc), 18556);
    await eventually(
      () => call(other, 'getpeerinfo'),
      (peers) => expect(peers).toMatchObject([{ inbound: false }]),
    );

    await call(boot, 'generate', 2);

    await eventually(
      () => call(other, 'getblockcount'),
      (count) => count === 2,
    );
  },
);

test.skipIf(!programPath('haproxy'))(
  'haproxy carries calls as it is configured to, as nobody in particular',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'peerage-haproxy-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const lines = [
      'defaults',
      ' mode http',
      ' timeout connect 1s',
      ' timeout client 1s',
      ' timeout server 1s',
      'listen web',
      ' bind :8080',
    ];
    await writeFile(
      join(dir, 'haproxy.cfg'),
      `${lines.join('\n')}\n http-request return status 200 content-type text/plain string carried\n`,
    );
    const image = await importImage(engine, 'haproxy');

    const container = await run(
      image,
      `--volume=${join(dir, 'haproxy.cfg')}:/usr/local/etc/haproxy/haproxy.cfg:ro`,
      '--publish=127.0.0.1::8080',
    );

    const ask = async () => (await fetch(await urlOf(container, 8080))).text().catch(String);
    await eventually(ask, (text) => text === 'carried');
    await expect(docker(engine, ['exec', container, 'id', '-un'])).resolves.toBe('haproxy');
  },
);

async function run(image: string | readonly string[], ...options: string[]): Promise<string> {
  const container = await docker(engine, ['run', '--detach', ...options, ...[image].flat()]);
  onTestFinished(() => docker(engine, ['rm', '--force', container]).then(() => {}));
  return container;
}

async function urlOf(container: string, port: number): Promise<string> {
  return `http://${await docker(engine, ['port', container, String(port)])}`;
}

const answerSchema = z.object({ result: z.unknown() });

/** A JSON-RPC call, repeated until the node is up. */
async function call(url: string, method: string, ...params: unknown[]): Promise<unknown> {
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Basic ${btoa('peerage:peerage')}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  };
  const ask = () => fetch(url, request).then((answer) => answer.text(), String);
  const answer = await eventually(ask, (text) => text.startsWith('{'), { what: `${method} of ${url}` });
  return answerSchema.parse(JSON.parse(answer)).result;
}
