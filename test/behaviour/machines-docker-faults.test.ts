/** What goes wrong with an engine, and with those who share it. */
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CloudSession, type LaunchRequest, ROW } from '../../src/clouds/cloud.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type Line, startLine } from './docker-line.ts';
import { type Registry, startRegistry } from './docker-registry.ts';
import { createDockerStage, type DockerStage } from './machines-docker.ts';
import { createTenant, never, refusalOf, type Tenant } from './machines-suite.ts';

describe.skipIf(!dockerdPath())('on a Docker engine', () => {
  let stage: DockerStage;
  let tenant: Tenant;
  let line: Line;
  /** The tenant's cluster, over a line that can be cut. */
  let session: CloudSession;

  beforeAll(async () => {
    stage = await createDockerStage();
  });
  afterAll(async () => {
    await stage.stop();
  });
  beforeEach(async () => {
    tenant = await createTenant(stage);
    line = await startLine(stage.ground.engine.socketPath);
    session = await stage.ground.open(tenant.cluster, { host: `unix://${line.socketPath}` });
  });
  afterEach(async () => {
    await tenant.machines.remove(
      (await tenant.machines.list(never)).map(({ id }) => id),
      never,
    );
    session.close();
    tenant.close();
    await line.stop();
  });

  const hands = () => stage.ground.hands;
  const launch = (request: LaunchRequest) => session.machines.launch(request, never);

  describe('a launch', () => {
    test.each(['before', 'after'] as const)(
      'whose line was cut %s its container was made has an unknown outcome, and makes one when it is repeated',
      async (when) => {
        const request = await tenant.prepare('a', 1);
        line.cut(/POST .*\/containers\/create/, when);
        expect(await refusalOf(launch(request))).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
        expect(line.isWhole()).toBe(true);
        const { machines } = await launch(request);
        expect(machines).toMatchObject([{ state: 'running' }]);
        expect(await tenant.listed()).toEqual(machines.map(({ id }) => id));
      },
    );

    test.each(['before', 'after'] as const)(
      'whose line was cut %s its container was started goes on when it is repeated',
      async (when) => {
        const request = await tenant.prepare('a', 1, {
          workload: { files: [{ path: '/etc/client/peers', content: 'none' }] },
        });
        line.cut(/POST .*\/start/, when);
        expect(await refusalOf(launch(request))).toMatchObject({ outcome: 'unknown' });
        const [left] = await tenant.machines.list(never);
        expect(left?.state).toBe(when === 'before' ? 'pending' : 'running');
        expect((await launch(request)).machines).toMatchObject([{ id: left?.id, state: 'running' }]);
        expect(await said(left?.id ?? '', 'cat /etc/client/peers')).toBe('none');
      },
    );

    test('that nobody goes on with has failed after a minute, and is removed like any other', async () => {
      let now = 1_000_000;
      const later = await stage.ground.open(tenant.cluster, { now: () => now });
      const request = await tenant.prepare('a', 1);
      line.cut(/POST .*\/start/, 'before');
      await refusalOf(launch(request));
      expect(await later.machines.list(never)).toMatchObject([{ state: 'pending' }]);
      now += 60_000;
      const [lost] = await later.machines.list(never);
      expect(lost).toMatchObject({ state: 'failed', stateReason: { code: 'NotStarted' } });
      await later.machines.remove([lost?.id ?? ''], never);
      expect(await tenant.listed()).toEqual([]);
      later.close();
    });

    test('is refused where its name is taken by a container of somebody else, which is left alone', async () => {
      const request = await tenant.prepare('a', 1);
      const made = await launch(request);
      const { Name } = await hands()
        .getContainer(made.machines[0]?.id ?? '')
        .inspect();
      await tenant.machines.remove(await tenant.listed(), never);
      const foreign = await hands().createContainer({ name: Name.slice(1), Image: stage.image });
      expect(await refusalOf(launch(request))).toMatchObject({
        code: 'alreadyExists',
        outcome: 'none',
        reason: 'NameTaken',
      });
      expect((await foreign.inspect()).State.Status).toBe('created');
      await foreign.remove();
    });

    test('does not mount a volume that was there before', async () => {
      const request = await tenant.prepare('a', 1, { spec: { volumes: [{ name: 'data', path: '/data' }] } });
      await launch(request);
      const [volume] = (await hands().listVolumes()).Volumes;
      await tenant.machines.remove(await tenant.listed(), never);
      const foreign = await hands().createVolume({ Name: volume?.Name ?? '', Labels: { of: 'somebody' } });
      expect(await refusalOf(launch(request))).toMatchObject({ code: 'alreadyExists', outcome: 'none' });
      expect(await tenant.listed()).toEqual([]);
      await foreign.remove();
    });

    test('tells which container has the port of the host that it asks for, and leaves nothing behind', async () => {
      const hostPort = await freePort();
      const change = {
        spec: { publish: [{ port: 8080, hostPort }] },
        workload: { ports: [{ name: 'http', port: 8080, protocol: 'TCP' as const }] },
      };
      const [first = ''] = await tenant.launch('a', 1, change);
      const { Name } = await hands().getContainer(first).inspect();
      const error = await refusalOf(tenant.launch('b', 1, change));
      expect(error).toMatchObject({ code: 'alreadyExists', outcome: 'none', reason: 'HostPortTaken' });
      expect(error.message).toContain(
        `port ${hostPort} of the host is published by container ${Name.slice(1)}`,
      );
      expect(await tenant.listed()).toEqual([first]);
    });

    test('waits for a port of the host that another program has', async () => {
      const holder = createServer();
      const hostPort = await listening(holder);
      const request = await tenant.prepare('a', 1, { spec: { publish: [{ port: 8080, hostPort }] } });
      expect(await refusalOf(launch(request))).toMatchObject({ code: 'unavailable', outcome: 'none' });
      expect(await tenant.listed()).toEqual([]);
      await new Promise((resolve) => holder.close(resolve));
      expect((await launch(request)).machines).toMatchObject([
        { published: [{ port: 8080, protocol: 'TCP', address: '127.0.0.1', hostPort }] },
      ]);
    });

    test('tells the ports that the engine assigned', async () => {
      const request = await tenant.prepare('a', 1, {
        spec: { publish: [{ port: 'http' }, { port: 9090, hostIp: '0.0.0.0' }] },
        workload: { ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] },
      });
      const outside = await stage.ground.open(tenant.cluster, { address: '192.0.2.7' });
      const { machines } = await outside.machines.launch(request, never);
      const [machine] = machines;
      expect(machine?.published).toMatchObject([
        { port: 8080, address: '127.0.0.1' },
        { port: 9090, address: '192.0.2.7' },
      ]);
      expect(machine?.publicAddress).toBe('192.0.2.7');
      expect((await outside.machines.list(never))[0]).toEqual(machine);
      const { hostPort = 0 } = machine?.published?.[0] ?? {};
      await eventually(
        () => fetch(`http://127.0.0.1:${hostPort}/`).then((answer) => answer.text(), String),
        (body) => body === 'here\n',
      );
      outside.close();
    });

    test('hands the client its row, its environment and its files, and nobody its secrets', async () => {
      const secret = 'a-planted-secret';
      const { machines } = await launch(
        await tenant.prepare('a', 1, {
          workload: {
            env: [{ name: 'WHO', value: `${ROW.name}/${ROW.index}` }],
            secrets: [{ name: 'KEY', value: { reveal: () => secret } }],
            files: [{ path: '/etc/client/conf', content: `name = ${ROW.name}\n` }],
            secretFiles: [{ path: '/run/keys/node.key', content: { reveal: () => secret } }],
            resources: { cpu: '500m', memory: '64Mi' },
          },
        }),
      );
      const [{ id } = { id: '' }] = machines;
      expect(await said(id, 'echo "$WHO $PEERAGE_NODE $PEERAGE_INDEX $KEY"')).toBe(
        `dev-east-0/0 dev-east-0 0 ${secret}`,
      );
      expect(await said(id, 'cat /etc/client/conf /run/keys/node.key')).toBe(`name = dev-east-0\n${secret}`);
      expect(await said(id, 'stat -c "%a %u" /run/keys/node.key')).toBe('444 0');
      const { HostConfig, Config } = await hands().getContainer(id).inspect();
      expect(HostConfig).toMatchObject({ NanoCpus: 5e8, Memory: 67_108_864 });
      expect(JSON.stringify([Config.Labels, line.requests])).not.toContain(secret);
    });
  });

  describe('an image', () => {
    let registry: Registry;
    let image: string;

    beforeEach(async () => {
      registry = await startRegistry(hands(), stage.image);
      image = `${registry.host}/team/node:1`;
    });
    afterEach(async () => {
      await registry.stop();
      await hands()
        .getImage(image)
        .remove({ force: true })
        .catch(() => {});
    });

    test('that is not there is fetched, once for all who ask', async () => {
      const change = { workload: { image, pullPolicy: 'IfNotPresent' as const } };
      const ids = await Promise.all(['a', 'b', 'c'].map((name) => tenant.launch(name, 1, change)));
      expect(await tenant.living()).toEqual(ids.flat().sort());
      expect(stage.ground.takeCalls().filter((call) => call === 'ImageCreate')).toHaveLength(1);
    });

    test('that takes its time holds no call up: the launch is to be repeated', async () => {
      registry.hold();
      const request = await tenant.prepare('a', 1, { workload: { image, pullPolicy: 'IfNotPresent' } });
      // It has not let go: what is answered now is not the end of the pull.
      expect(await refusalOf(launch(request))).toMatchObject({
        code: 'unavailable',
        outcome: 'none',
        reason: 'ImageIsBeingPulled',
        message: expect.stringMatching(/image .* is being pulled: [01] of 2 layers are there/),
      });
      registry.letGo();
      await eventually(
        async () => (await launch(request).catch(() => undefined))?.machines,
        (machines) => expect(machines).toMatchObject([{ state: 'running' }]),
      );
    });

    test('is asked for with the login of its registry, and of no other', async () => {
      registry.demand('operator', 'a-planted-password');
      const logins = (host: string, password: string) => {
        const auth = Buffer.from(`operator:${password}`).toString('base64');
        return { reveal: () => JSON.stringify({ auths: { [host]: { auth } } }) };
      };
      const attempt = async (name: string, host: string, password: string) =>
        launch(
          await tenant.prepare(name, 1, {
            workload: { image, pullPolicy: 'IfNotPresent', registryLogins: logins(host, password) },
          }),
        );
      const wrong = await refusalOf(attempt('a', registry.host, 'wrong'));
      // The engine answers 500, whatever the registry said.
      expect(wrong).toMatchObject({ code: 'unavailable', outcome: 'none', reason: 'PullFailed' });
      expect(wrong.message).toContain('unauthorized');
      await refusalOf(attempt('b', 'elsewhere.example', 'a-planted-password'));
      const { machines } = await attempt('c', registry.host, 'a-planted-password');
      expect(machines).toMatchObject([{ state: 'running' }]);
      expect(`${wrong.message}${wrong.stack}`).not.toContain('planted');
    });

    test('is asked for with pullPolicy Always although it is there, and not for a repetition', async () => {
      const request = await tenant.prepare('a', 1, { workload: { image, pullPolicy: 'Always' } });
      await hands()
        .getImage(stage.image)
        .tag({ repo: `${registry.host}/team/node`, tag: '1' });
      await launch(request);
      expect(registry.asked()).toBeGreaterThan(0);
      const asked = registry.asked();
      await launch(request);
      expect(registry.asked()).toBe(asked);
    });

    test('that its registry does not have is told so', async () => {
      const missing = `${registry.host}/team/other:1`;
      const change = { workload: { image: missing, pullPolicy: 'IfNotPresent' as const } };
      const error = await refusalOf(tenant.launch('a', 1, change));
      expect(error).toMatchObject({ code: 'notFound', outcome: 'none', reason: 'ImageNotFound' });
      expect(error.message).toContain(missing);
    });

    test('whose registry does not answer is told so, and not asked for by everybody', async () => {
      await registry.stop();
      const change = { workload: { image, pullPolicy: 'IfNotPresent' as const } };
      const error = await refusalOf(tenant.launch('a', 1, change));
      expect(error).toMatchObject({ code: 'unavailable', outcome: 'none', reason: 'PullFailed' });
      expect(error.message).toContain(image);
      stage.ground.takeCalls();
      await refusalOf(tenant.launch('b', 1, change));
      expect(stage.ground.takeCalls()).not.toContain('ImageCreate');
      expect(await tenant.listed()).toEqual([]);
    });
  });

  describe('an engine', () => {
    test('that is killed and started again has lost nothing, and none is made twice', async () => {
      const { engine } = stage.ground;
      const before = await tenant.launch('a', 1);
      const request = await tenant.prepare('b', 1);
      await engine.kill();
      expect(await refusalOf(tenant.machines.launch(request, never))).toMatchObject({
        code: 'unavailable',
        outcome: 'none',
      });
      expect(await refusalOf(tenant.machines.list(never))).toMatchObject({ code: 'unavailable' });
      await engine.restart();
      const { machines } = await tenant.machines.launch(request, never);
      expect(await tenant.living()).toEqual([...before, ...machines.map(({ id }) => id)].sort());
    });

    test('that nobody reaches is told so', async () => {
      const nowhere = await stage.ground.open(tenant.cluster, { host: 'unix:///nowhere/engine.sock' });
      expect(await refusalOf(nowhere.verify(never))).toMatchObject({ code: 'unavailable', reason: 'ENOENT' });
      nowhere.close();
    });

    test('says who it is', async () => {
      const { ID, Name } = await hands().info();
      const { account, principal } = await tenant.verify(never);
      expect(account).toBe(ID);
      expect(principal).toMatch(new RegExp(`^${Name}: Docker 2\\d\\.\\S+, API 1\\.\\d+$`));
    });

    test('tells at once when a machine changes, and breaks off when it ends', async () => {
      const over = new AbortController();
      let changes = 0;
      const watching = session.watch?.(() => {
        changes += 1;
      }, over.signal);
      await eventually(
        async () => {
          await tenant.launch(`w-${changes}-${Date.now()}`, 1);
          return changes;
        },
        (seen) => seen > 0,
      );
      over.abort();
      await expect(watching).resolves.toBeUndefined();
      const broken = refusalOf(session.watch?.(() => {}, never) ?? Promise.resolve());
      await eventually(
        async () => line.requests.filter((request) => request.includes('/events')),
        (asked) => asked.length === 2,
      );
      await line.stop();
      expect(await broken).toMatchObject({ api: 'SystemEvents', code: 'unavailable' });
    });
  });

  describe('behind our back', () => {
    let id: string;
    const state = async () => {
      const [machine] = await tenant.machines.list(never);
      return [machine?.state, machine?.stateReason?.code];
    };

    test('a container that was paused is stopped, and runs again when it is let go on', async () => {
      [id = ''] = await tenant.launch('a', 1);
      await hands().getContainer(id).pause();
      expect(await state()).toEqual(['stopped', 'Paused']);
      await hands().getContainer(id).unpause();
      expect(await state()).toEqual(['running', undefined]);
    });

    test('one that was stopped or killed has failed, with its exit code', async () => {
      [id = ''] = await tenant.launch('a', 1);
      await hands().getContainer(id).kill();
      expect(await state()).toEqual(['failed', 'ExitCode137']);
      const [machine] = await tenant.machines.list(never);
      expect(machine?.stateReason?.message).toBe('the container ended with exit code 137');
    });

    test('one that was removed is not listed any more', async () => {
      [id = ''] = await tenant.launch('a', 1);
      await hands().getContainer(id).remove({ force: true });
      expect(await tenant.machines.list(never)).toEqual([]);
      expect(await tenant.machines.read([id], never)).toEqual([]);
    });

    test('one that ends again and again is on its way, with the reason', async () => {
      await tenant.launch('a', 1, { workload: { command: ['sh', '-c', 'exit 3'] } });
      await eventually(state, ([now, why]) => {
        expect([now, why]).toEqual(['pending', 'Restarting']);
      });
    });

    test('one whose restart policy leaves it ended has failed', async () => {
      const change = { spec: { restartPolicy: 'OnFailure' }, workload: { command: ['true'] } };
      await tenant.launch('a', 1, change);
      await eventually(state, ([now, why]) => {
        expect([now, why]).toEqual(['failed', 'ExitCode0']);
      });
    });

    test('one that took too much memory tells so', async () => {
      const eater = ['sh', '-c', 'tail /dev/zero'];
      await tenant.launch('a', 1, {
        spec: { restartPolicy: 'Never' },
        workload: { command: eater, resources: { memory: '16Mi' } },
      });
      await eventually(state, ([now, why]) => {
        expect([now, why]).toEqual(['failed', 'OOMKilled']);
      });
    });
  });

  describe('volumes', () => {
    const spec = { volumes: [{ name: 'data', path: '/data' }] };
    const names = async () => (await hands().listVolumes()).Volumes.map(({ Name }) => Name);

    test('carry our tags, and go with their machine', async () => {
      const [id = ''] = await tenant.launch('a', 1, { spec });
      await said(id, 'echo kept > /data/block');
      const [own] = await stage.tags(id);
      expect(await stage.tags(id)).toEqual([own, own]);
      await tenant.machines.remove([id], never);
      expect(await names()).toEqual([]);
    });

    test('of a released machine stay, also when it is gone', async () => {
      const [id = ''] = await tenant.launch('a', 1, { spec });
      await tenant.machines.release([id], never);
      await hands().getContainer(id).remove({ force: true });
      expect(await tenant.listed()).toEqual([]);
      expect(await tenant.fabric.owners(never)).toEqual([]);
      expect(await names()).toHaveLength(1);
      for (const name of await names()) await hands().getVolume(name).remove();
    });
  });

  /** What a command in a container prints. */
  async function said(id: string, command: string): Promise<string> {
    const exec = await hands()
      .getContainer(id)
      .exec({ Cmd: ['sh', '-c', command], AttachStdout: true, Tty: true });
    const stream = await exec.start({ Tty: true });
    let text = '';
    for await (const chunk of stream) text += chunk.toString();
    return text.replaceAll('\r\n', '\n').trim();
  }
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
