import { afterEach, describe, expect, test } from 'vitest';
import { type HealthServer, serveHealth, splitAddress } from './health.ts';

let server: HealthServer | undefined;

afterEach(async () => {
  await server?.close();
});

async function get(path: string): Promise<{ status: number; text: string; type: string | null }> {
  const response = await fetch(`http://127.0.0.1:${server?.port}${path}`);
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
}

describe('the health server', () => {
  test('answers 503 and names the failing check', async () => {
    let synced = false;
    server = await serveHealth({
      address: '127.0.0.1:0',
      live: {},
      ready: { ping: () => undefined, caches: () => (synced ? undefined : 'nodes not listed yet') },
    });
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      text: '[+]ping ok\n[-]caches failed: nodes not listed yet\ncheck failed\n',
    });
    expect((await get('/livez')).status).toBe(200);
    synced = true;
    expect((await get('/readyz?verbose')).status).toBe(200);
  });

  test('serves metrics where they are given and nothing else', async () => {
    server = await serveHealth({ address: '127.0.0.1:0', metrics: async () => 'peerage_leader 1\n' });
    expect(await get('/metrics')).toEqual({
      status: 200,
      text: 'peerage_leader 1\n',
      type: 'text/plain; version=0.0.4; charset=utf-8',
    });
    expect((await get('/readyz')).status).toBe(404);
  });

  test('says why there are no metrics', async () => {
    const metrics = () => Promise.reject(new Error('no such label'));
    server = await serveHealth({ address: '127.0.0.1:0', metrics });
    expect(await get('/metrics')).toMatchObject({
      status: 500,
      text: 'collecting metrics failed: no such label\n',
    });
  });

  test('says which address it cannot have', async () => {
    server = await serveHealth({ address: '127.0.0.1:0' });
    const taken = `127.0.0.1:${server.port}`;
    await expect(serveHealth({ address: taken })).rejects.toThrow(`listening on ${taken}`);
  });

  test('reads addresses as Go programs do', () => {
    expect(splitAddress(':8081')).toEqual({ host: '', port: 8081 });
    expect(splitAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
    expect(splitAddress('localhost:80')).toEqual({ host: 'localhost', port: 80 });
    for (const wrong of ['8081', 'host:', 'host:99999', '::1:80'])
      expect(() => splitAddress(wrong)).toThrow(wrong);
  });
});
