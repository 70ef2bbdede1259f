/** Bad input that only an engine, or a node on it, can tell: said in a condition, tried without a loop, healed when mended. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createCredentials } from '../../src/sandbox/kubernetes/credentials.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { type Registry, startRegistry } from '../behaviour/docker-registry.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { startDoor } from './docker-door.ts';
import { isStalled, startTroubleStage, type TroubleStage } from './docker-trouble-stage.ts';

vi.setConfig({ maxConcurrency: 20 });

describe.skipIf(!dockerdPath())('on a Docker engine', { concurrent: true, timeout: 240_000 }, () => {
  let stage: TroubleStage;
  let registry: Registry;
  let own: string;

  beforeAll(async () => {
    stage = await startTroubleStage();
    own = stage.image('httpd');
    const hands = new Docker({ socketPath: stage.engine.socketPath, host: undefined });
    registry = await startRegistry(hands, own);
    registry.demand('operator', 'right');
  });
  afterAll(async () => {
    await registry?.stop();
    await stage?.close();
  });

  const login = (password: string) => {
    const auth = Buffer.from(`operator:${password}`).toString('base64');
    return { '.dockerconfigjson': JSON.stringify({ auths: { [registry.host]: { auth } } }) };
  };

  describe('an image', () => {
    test('that may not be pulled is named with what the registry says, until the login is right', async () => {
      const image = `${registry.host}/team/node:1`;
      await stage.secret('login', 'kubernetes.io/dockerconfigjson', login('wrong'));
      const client = { image, imagePullPolicy: 'IfNotPresent', imagePullSecret: { name: 'login' } };
      await stage.make('login', { client });
      await stage.nodeSays(
        'login',
        'Launching',
        new RegExp(
          `ImageCreate refused: PullFailed: image ${image}: .*unauthorized.*repeated in \\d+ s`,
          's',
        ),
      );
      await stage.secret('login', 'kubernetes.io/dockerconfigjson', login('right'));
      await stage.ready('login');
    });

    test('that does not exist is named, and used as soon as it does', async () => {
      const image = `${stage.image('httpd').split(':')[0]}:missing`;
      await stage.make('image', { client: { image } });
      const words = new RegExp(
        `ImageNotPresent: image ${image} is not on the engine, and pullPolicy is Never; .*in 10 s`,
      );
      expect(isStalled(await stage.nodeSays('image', 'NotFound', words))).toBe(true);
      await stage.says('image', 'NodesStalled', words);
      await docker(stage.engine, ['tag', own, image]);
      await stage.ready('image');
      expect(await stage.nodesOf('image')).toHaveLength(1);
    });
  });

  describe('a port of the host', () => {
    test('that another node publishes is told with its container', async () => {
      const hostPort = await freePort();
      const docker = { publish: [{ port: 'http', hostPort }] };
      await stage.make('early', { docker });
      await stage.ready('early');
      await stage.make('late', { docker });
      const node = await stage.nodeSays(
        'late',
        'AlreadyExists',
        new RegExp(
          `HostPortTaken: port ${hostPort} of the host is published by container early-here-.*; next try`,
        ),
      );
      expect(isStalled(node)).toBe(true);
      await stage.kubectl('delete', 'network', 'early');
      await stage.ready('late');
    });

    test('that a program listens at is waited for', async ({ onTestFinished }) => {
      const holder = createServer();
      onTestFinished(() => void holder.close());
      const hostPort = await listening(holder);
      await stage.make('program', { docker: { publish: [{ port: 'http', hostPort }] } });
      await stage.nodeSays(
        'program',
        'Launching',
        new RegExp(`StartFailed: .*:${hostPort}: bind: address already in use.*repeated in \\d+ s`, 's'),
      );
      await new Promise((resolve) => holder.close(resolve));
      await stage.ready('program');
    });

    test('that the balancer listens at and somebody has is told with who', async () => {
      const port = await freePort();
      await docker(stage.engine, ['run', '-d', '--name=holder', '-p', `127.0.0.1:${port}:8080`, own]);
      await stage.make('balanced', {
        more: { balancer: { type: 'Network', internal: true, ports: [{ port, targetPort: 'http' }] } },
      });
      const network = await stage.says(
        'balanced',
        'AlreadyExists',
        new RegExp(
          `HostPortTaken: port ${port} of the host is published by container holder; .*; next try in`,
        ),
      );
      expect(isStalled(network)).toBe(true);
      await docker(stage.engine, ['rm', '--force', 'holder']);
      await stage.ready('balanced');
    });
  });

  describe('an engine', () => {
    test('that is away is asked ever more slowly, Stalled in the end, and nothing is made twice when it is back', async ({
      onTestFinished,
    }) => {
      const door = await startDoor(stage.engine);
      onTestFinished(door.shut);
      await stage.credential('distant', { host: door.host });
      await stage.make('distant', { credential: 'distant' });
      await stage.ready('distant');
      const before = await stage.nodeOf('distant');
      await door.shut();
      await stage.make('distant', { credential: 'distant', replicas: 2 });
      const first = await stage.says('distant', 'CloudUnavailable', /refused: ENOENT: .*; next try in 4 s/);
      expect(isStalled(first)).toBe(false);
      const last = await stage.says('distant', 'CloudUnavailable', /ENOENT: .*; next try in 60 s/, {
        withinMs: 120_000,
      });
      expect(isStalled(last)).toBe(true);
      await door.open();
      await stage.ready('distant', 75_000);
      const after = await stage.nodesOf('distant');
      expect(after.map(({ status }) => status.machine?.id)).toContain(before.status.machine?.id);
      expect(new Set(after.map(({ status }) => status.machine?.id)).size).toBe(2);
    });

    test('that is too old is told with the oldest that will do, and used when it is newer', async ({
      onTestFinished,
    }) => {
      const door = await startDoor(stage.engine);
      onTestFinished(door.shut);
      door.pretend('1.40');
      await stage.credential('old', { host: door.host });
      await stage.make('old', { credential: 'old' });
      const network = await stage.says(
        'old',
        'Unsupported',
        /SystemVersion refused: EngineTooOld: engine \S+\.sock: the engine speaks API 1.40 at most; 1.41 is the oldest.*20.10.*next try in 10 min/,
      );
      expect(isStalled(network)).toBe(true);
      door.pretend(undefined);
      await stage.askAnew('ccred', 'old');
      await stage.askAnew('network', 'old');
      await stage.ready('old');
    });

    test('whose TLS is not for us is told so, and used with the right Secret', async ({ onTestFinished }) => {
      const dir = await mkdtemp(join(tmpdir(), 'peerage-tls-'));
      onTestFinished(() => rm(dir, { recursive: true }));
      const [ours, theirs] = await Promise.all(
        ['ours', 'theirs'].map((name) => createCredentials(join(dir, name))),
      );
      if (ours === undefined || theirs === undefined) throw new Error('no certificates');
      const door = await startDoor(stage.engine, {
        cert: await readFile(ours.servingCertFile),
        key: await readFile(ours.servingKeyFile),
        ca: ours.caPem,
        requestCert: true,
        rejectUnauthorized: true,
      });
      onTestFinished(door.shut);
      const { certPem, keyPem } = await ours.issue({ user: 'operator' });
      const keys = (caPem: string, key = keyPem) => ({ 'ca.crt': caPem, 'tls.crt': certPem, 'tls.key': key });
      await stage.secret('tls', 'Opaque', keys(theirs.caPem));
      await stage.credential('tls', { host: door.host, tlsSecretRef: { name: 'tls' } });
      await stage.make('tls', { credential: 'tls' });
      const network = await stage.says(
        'tls',
        'Unauthorized',
        /SystemVersion refused: (?:UNABLE_TO|SELF_SIGNED)_\w+: engine 127\.0\.0\.1:\d+: .*; next try in \d+ s/,
      );
      expect(isStalled(network)).toBe(true);
      await stage.secret('tls', 'Opaque', keys(ours.caPem, 'none'));
      await stage.says('tls', 'InvalidRequest', /UnusableTls: .*do not make a TLS identity/, {
        withinMs: 90_000,
      });
      await stage.secret('tls', 'Opaque', keys(ours.caPem));
      await stage.askAnew('network', 'tls');
      await stage.ready('tls');
    });

    test('that has no such network names it, and uses it as soon as it is there', async () => {
      await stage.make('elsewhere', { docker: { network: 'chains' } });
      const network = await stage.says(
        'elsewhere',
        'NetworkNotFound',
        /the engine has no network chains; make it, or leave docker.network out; next try in \d+ s/,
      );
      expect(isStalled(network)).toBe(true);
      await docker(stage.engine, ['network', 'create', 'chains']);
      await stage.ready('elsewhere');
    });
  });

  test('a variable that nobody knows stays as it is, with a Warning', async () => {
    const env = [{ name: 'GREETING', value: 'to $(NOBODY) and $(NODE_NAME)' }];
    await stage.make('unknown', { client: { env } });
    await stage.ready('unknown');
    const { metadata, status } = await stage.nodeOf('unknown');
    const said = await docker(stage.engine, [
      'exec',
      status.machine?.id ?? '',
      'sh',
      '-c',
      'echo "$GREETING"',
    ]);
    expect(said).toBe(`to $(NOBODY) and ${metadata.name}`);
    expect(await stage.events('unknown')).toContainEqual(
      expect.stringMatching(
        /^Warning UnknownVariable: \$\(NOBODY\) in .*env.* has no value: it stays as it is$/,
      ),
    );
  });

  describe('a node that waits for its boot node', () => {
    const peered = (address: object) => ({
      more: { peering: { address, startTimeoutSeconds: 5 } },
      replicas: 2,
    });

    test('is told which part of the template gives nothing, and starts when it does', async () => {
      await stage.make('hollow', peered({ template: '$(PUBLIC_ADDRESS):$(PORT_http)' }));
      const node = await stage.nodeSays(
        'hollow',
        'PeersUnknown',
        /no boot node's peer address is known after 5 s: hollow-here-\w+ \(\$\(PUBLIC_ADDRESS\) has no value\); it starts as soon/,
      );
      expect(isStalled(node)).toBe(true);
      await stage.make('hollow', peered({ template: '$(ADDRESS):$(PORT_http)' }));
      await stage.ready('hollow');
    });

    test('is told that the boot node answers with what is no JSON', async () => {
      const jsonRpc = { port: 'http', path: '/cgi-bin/name', method: 'peer' };
      await stage.make('mute', peered({ jsonRpc }));
      await stage.nodeSays(
        'mute',
        'PeersUnknown',
        /mute-here-\w+ \(.*port 8080.*no JSON.*\); it starts as soon/,
      );
    });
  });

  test('a node whose health check is answered with what is no JSON is Unhealthy, and told so', async () => {
    const client = (health: object) => ({ ports: [{ name: 'http', port: 8080 }], health });
    await stage.make('babble', { client: client({ tcp: { port: 'http' }, intervalSeconds: 5 }) });
    await stage.ready('babble');
    const jsonRpc = { port: 'http', path: '/cgi-bin/name', method: 'net_version' };
    await stage.make('babble', { client: client({ jsonRpc, intervalSeconds: 5 }) });
    const node = await stage.nodeSays('babble', 'HealthCheckFailed', /port 8080.*no JSON/, {
      withinMs: 60_000,
    });
    expect(node.status.phase).toBe('Unhealthy');
    await stage.says('babble', 'Progressing', /^0 of 1 Node is Ready/);
    expect(await stage.nodesOf('babble')).toHaveLength(1);
  });

  test('an algorithm that does not exist is refused by the API server', async () => {
    const more = {
      balancer: { type: 'Network', ports: [{ port: 80, targetPort: 'http' }] },
      gateway: { algorithm: 'Fastest' },
    };
    await expect(stage.make('fastest', { more })).rejects.toThrow(
      /spec.gateway.algorithm: Unsupported value: "Fastest": supported values: "RoundRobin"/,
    );
  });

  test.sequential('through all of this the operator made no error of its own', async () => {
    const ours = stage
      .operator()
      .logs()
      .filter(({ level }) => level === 'error' || level === 50);
    expect(ours).toEqual([]);
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
