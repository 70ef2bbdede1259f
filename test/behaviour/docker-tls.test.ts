/** An engine that is reached over the network, and wants to know by whom. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docker } from '../../src/clouds/docker/index.ts';
import { createCredentials } from '../../src/sandbox/kubernetes/credentials.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath, type Engine, startEngine } from '../support/engine.ts';
import { never, refusalOf } from './machines-suite.ts';

type Keys = Readonly<Record<'ca.crt' | 'tls.crt' | 'tls.key', string>>;

describe.skipIf(!dockerdPath())('a Docker engine with TLS', () => {
  let dir: string;
  let engine: Engine;
  let port: number;
  let keys: Keys;
  let strangers: Keys;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'peerage-tls-'));
    const [ours, theirs] = await Promise.all(
      ['ours', 'theirs'].map((name) => createCredentials(join(dir, name))),
    );
    if (ours === undefined || theirs === undefined) throw new Error('no certificates');
    const keysOf = async ({ caPem, issue }: typeof ours): Promise<Keys> => {
      const { certPem, keyPem } = await issue({ user: 'operator' });
      return { 'ca.crt': caPem, 'tls.crt': certPem, 'tls.key': keyPem };
    };
    keys = await keysOf(ours);
    strangers = await keysOf(theirs);
    port = await freePort();
    engine = await startEngine({
      args: [
        `--host=tcp://127.0.0.1:${port}`,
        '--tlsverify',
        `--tlscacert=${ours.caFile}`,
        `--tlscert=${ours.servingCertFile}`,
        `--tlskey=${ours.servingKeyFile}`,
      ],
    });
  });
  afterAll(async () => {
    await engine.stop();
    await rm(dir, { recursive: true });
  });

  const open = (secret: object | undefined, host = `tcp://127.0.0.1:${port}`) =>
    docker.open({
      region: 'engine',
      credential: { host, ...(secret === undefined ? {} : { tlsSecretRef: { name: 'tls' } }) },
      ...(secret === undefined
        ? {}
        : {
            secret: new Map(
              Object.entries(secret).map(([key, text]) => [key, { reveal: () => String(text) }]),
            ),
          }),
      cluster: 'tls',
      gate: (call, run) => run(call.signal),
      now: Date.now,
    });

  const verified = async (secret: object | undefined, host?: string) => {
    const session = await open(secret, host);
    try {
      return await session.verify(never);
    } finally {
      session.close();
    }
  };

  test('takes the one it knows', async () => {
    expect((await verified(keys)).account).toMatch(/^[A-Z0-9:]+$/);
    expect((await verified(keys, `tcp://localhost:${port}`)).account).toMatch(/^[A-Z0-9:]+$/);
  });

  test.each([
    ['an engine that others vouch for', () => ({ ...keys, 'ca.crt': strangers['ca.crt'] })],
    [
      'a certificate of a stranger',
      () => ({ ...keys, 'tls.crt': strangers['tls.crt'], 'tls.key': strangers['tls.key'] }),
    ],
  ])('refuses %s', async (_, secret) => {
    expect(await refusalOf(verified(secret()))).toMatchObject({ code: 'unauthorized', outcome: 'none' });
  });

  test('is not spoken to without', async () => {
    expect(await refusalOf(verified(undefined))).toMatchObject({ outcome: 'none' });
  });

  test.each([
    ['SecretKeyMissing', 'the Secret has no key tls.key', () => ({ ...keys, 'tls.key': '' })],
    ['UnusableTls', 'do not make a TLS identity', () => ({ ...keys, 'tls.key': 'planted' })],
    ['UnusableTls', 'do not make a TLS identity', () => ({ ...keys, 'tls.key': strangers['tls.key'] })],
  ])('is not asked with what is no identity: %s', async (reason, words, secret) => {
    const error = await refusalOf(open(secret()));
    expect(error).toMatchObject({ code: 'invalid', reason });
    expect(error.message).toContain(words);
    expect(`${error.stack}`).not.toContain('planted');
  });
});
