import { Agent } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Owner } from '../../src/clouds/cloud.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { startLine } from './docker-line.ts';
import {
  balancerWish,
  createFabricTenant,
  type FabricGround,
  type FabricTenant,
  get,
  never,
  slowly,
  startFabricGround,
} from './fabric-docker-stage.ts';

const withVolume = { volumes: [{ name: 'data', path: '/data' }] };

describe.skipIf(!dockerdPath())('the fabric on a Docker engine', () => {
  let ground: FabricGround;
  let tenant: FabricTenant;
  let port: number;

  beforeAll(async () => {
    ground = await startFabricGround();
  });
  afterAll(async () => {
    await ground.stop();
  });
  beforeEach(async () => {
    tenant = await createFabricTenant(ground);
    port = await freePort();
  });
  afterEach(async () => {
    await tenant.close();
  });

  const balanced = (members: readonly string[], change = {}) =>
    tenant.wish({ balancer: balancerWish({ port, members, ...change }) });

  /** All members healthy, as the balancer tells it. */
  const settled = (members: readonly string[], change = {}) =>
    eventually(
      () => tenant.observe(balanced(members, change)),
      (view) => {
        expect(Array.from(view.members.keys()).sort()).toEqual([...members].sort());
        for (const { health } of view.members.values()) expect(health).toBe('healthy');
      },
    );

  test('makes a network, and nothing else where nothing else is wished', async () => {
    expect(await tenant.carryOut(tenant.wish())).toEqual(['create network: there is none']);
    const { attachment, network, resources } = await tenant.observe(tenant.wish());
    expect(attachment?.zones).toHaveLength(1);
    expect(network?.found).toMatch(/^bridge network p-[0-9a-f]{30}, made for chains\/dev$/);
    expect(resources).toMatchObject([{ kind: 'network', name: attachment?.zones[0]?.at }]);
    expect(await tenant.left(tenant.wish())).toEqual([]);
  });

  /** A network, machines and a balancer with them, all healthy. */
  const standing = async (count: number, change = {}) => {
    await tenant.carryOut(tenant.wish());
    const members = await tenant.launch(count);
    await tenant.carryOut(balanced(members, change));
    await settled(members, change);
    return members;
  };

  const containersOf = async (label = 'peerage-balancer') =>
    ground.hands.listContainers({
      all: true,
      filters: { label: [`peerage-cluster=${tenant.cluster}`, label] },
    });
  const balancerContainer = async () => {
    const [found] = await containersOf();
    return ground.hands.getContainer(found?.Id ?? '');
  };

  test('makes a balancer that answers with its members', async () => {
    await tenant.carryOut(tenant.wish());
    const members = await tenant.launch(2);
    expect(await tenant.carryOut(balanced(members))).toEqual(['create container: there is none']);
    const view = await settled(members);
    expect(view.balancer).toMatchObject({ address: '127.0.0.1', active: true });
    expect(view.pools).toBe(1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(port)));
    expect(new Set(answers)).toEqual(new Set(['node-1', 'node-2']));
    expect(await tenant.left(balanced(members))).toEqual([]);
  });

  test('asks the engine for little where all is as wished', async () => {
    const members = await standing(2);
    await tenant.observe(balanced(members), 0);
    ground.takeCalls();
    await tenant.observe(balanced(members));
    expect(ground.takeCalls()).toEqual([]);
    await tenant.observe(balanced(members), 0);
    expect(ground.takeCalls().sort()).toEqual([
      'ContainerArchive',
      'ContainerExec',
      'ContainerList',
      'NetworkList',
      'VolumeList',
    ]);
  });

  test('takes members in and lets them out, and no request fails', async () => {
    const [a = '', b = ''] = await standing(2);
    const [c = ''] = await tenant.launch(1);
    const failures: string[] = [];
    let asking = true;
    const asker = (async () => {
      while (asking) {
        const answer = await get(port);
        if (!/^node-[123]$/.test(answer)) failures.push(answer);
      }
    })();
    const named = (id: string) => id.slice(0, 12);
    expect(await tenant.carryOut(balanced([a, b, c]))).toEqual([
      `register container: ${named(c)} is not in it`,
    ]);
    await settled([a, b, c]);
    expect(await tenant.carryOut(balanced([b, c]))).toEqual([
      `deregister container: ${named(a)} is to leave it`,
    ]);
    const order = [b, c].sort().map(named);
    expect(await tenant.carryOut(balanced([a]))).toEqual([
      `update container: ${named(a)} is not in it, ${order.join(', ')} are to leave it`,
    ]);
    await settled([a]);
    asking = false;
    await asker;
    expect(failures).toEqual([]);
    expect(new Set(await Promise.all([get(port), get(port)]))).toEqual(new Set(['node-1']));
  });

  test('lists a member as draining as long as it has connections, over a restart, and lets those end', async () => {
    const change = { drainSeconds: 60 };
    const [a = '', b = ''] = await standing(2, change);
    const first = new Agent({ keepAlive: true });
    const download = slowly(port, '/cgi-bin/slow', first);
    await download.begun;
    await tenant.carryOut(balanced([b], change));
    const seen = async () => (await tenant.observe(balanced([b], change), 0)).members.get(a);
    const other = async () => (await tenant.observe(balanced([b], change), 0)).members.get(b)?.health;
    expect(await seen()).toEqual({ health: 'draining', pools: 0 });
    await eventually(other, (health) => health === 'healthy');
    await tenant.restart();
    expect(await seen()).toEqual({ health: 'draining', pools: 0 });
    expect(await download.whole).toBe('begin end');
    await eventually(seen, (member) => member === undefined);
    first.destroy();
  });

  test('tells a member that does not answer, and follows one that comes back at another address', async () => {
    const [a = '', b = ''] = await standing(2);
    await ground.hands.getContainer(a).stop({ t: 0 });
    const health = async (id: string) => (await tenant.observe(balanced([a, b]), 0)).members.get(id)?.health;
    await eventually(
      () => health(a),
      (now) => now !== 'healthy',
    );
    const filler = await tenant.launch(1);
    await ground.hands.getContainer(a).start();
    await tenant.observe(balanced([a, b]), 0);
    expect(await tenant.carryOut(balanced([a, b]))).toEqual([
      'update container: its configuration is not the wished one',
    ]);
    await settled([a, b]);
    expect(filler).toHaveLength(1);
  });

  test('makes the balancer again when it was removed, and starts it when it was stopped', async () => {
    const members = await standing(1);
    await (await balancerContainer()).stop({ t: 0 });
    expect(await tenant.left(balanced(members))).toEqual(['update container: it is exited']);
    expect((await tenant.observe(balanced(members))).balancer?.active).toBe(false);
    await tenant.carryOut(balanced(members));
    await settled(members);
    await (await balancerContainer()).pause();
    expect(await tenant.left(balanced(members))).toEqual([
      'delete container: it is paused',
      'create container: the old one does not fit',
    ]);
    await tenant.carryOut(balanced(members));
    await settled(members);
    await (await balancerContainer()).remove({ force: true });
    expect(await tenant.left(balanced(members))).toEqual(['create container: there is none']);
    await tenant.carryOut(balanced(members));
    await settled(members);
    expect(await get(port)).toBe('node-1');
  });

  test('replaces the balancer when its ports or its reach are others', async () => {
    const members = await standing(1);
    const before = await balancerContainer();
    const other = await freePort();
    const ports = [
      { port, targetPort: 8080, protocol: 'TCP' as const },
      { port: other, targetPort: 8080, protocol: 'HTTP' as const },
    ];
    const change = { ports, internal: false };
    const run = await tenant.carryOut(balanced(members, change));
    expect(run.map((step) => step.split(':')[0])).toEqual(['delete container', 'create container']);
    const view = await settled(members, change);
    expect(view.pools).toBe(2);
    expect(view.members.get(members[0] ?? '')?.pools).toBe(2);
    expect((await balancerContainer()).id).not.toBe(before.id);
    expect([await get(port), await get(other)]).toEqual(['node-1', 'node-1']);
  });

  test('changes check and drain time in place', async () => {
    const members = await standing(1);
    const before = await balancerContainer();
    const change = { health: { protocol: 'TCP', port: 8080, intervalSeconds: 5 }, drainSeconds: 9 };
    expect(await tenant.carryOut(balanced(members, change))).toEqual([
      'update container: its configuration is not the wished one',
    ]);
    expect((await balancerContainer()).id).toBe(before.id);
    expect(await tenant.left(balanced(members, change))).toEqual([]);
  });

  test('goes on after a restart at any step', async () => {
    await tenant.carryOut(tenant.wish());
    const members = await tenant.launch(1);
    for (const goal of [balanced(members), balanced([]), balanced(members)]) {
      for (;;) {
        await tenant.restart();
        const { fabric } = tenant.session;
        const next = fabric.plan(goal, await tenant.observe(goal)).find(({ waits }) => waits === undefined);
        if (next === undefined) break;
        await fabric.run(next, never);
      }
    }
    await settled(members);
    await tenant.session.machines.remove(members, never);
    await tenant.restart();
    await tenant.carryOut(tenant.nothing());
    expect(await tenant.left(tenant.nothing())).toEqual([]);
  });

  test('reloads again when it was cut off between putting the configuration in place and telling so', async () => {
    const members = await standing(1);
    const line = await startLine(ground.engine.socketPath);
    const session = await ground.open(tenant.cluster, { host: `unix://${line.socketPath}` });
    const goal = balanced([]);
    const view = await session.fabric.observe(goal.scope, { maxAgeMs: 0, signal: never });
    const [step] = session.fabric.plan(goal, view);
    line.cut(/POST .*\/kill/, 'before');
    if (step === undefined) throw new Error('there is nothing to do');
    await expect(session.fabric.run(step, never)).rejects.toMatchObject({ code: 'unavailable' });
    session.close();
    await line.stop();
    expect(await tenant.left(goal)).toEqual([
      `deregister container: ${members[0]?.slice(0, 12)} is to leave it`,
    ]);
    await tenant.carryOut(goal);
    expect(await get(port)).toBe('503');
  });

  test('makes one balancer, also when the answer to its making was lost', async () => {
    await tenant.carryOut(tenant.wish());
    const line = await startLine(ground.engine.socketPath);
    const session = await ground.open(tenant.cluster, { host: `unix://${line.socketPath}` });
    const goal = balanced([]);
    for (const cut of [/containers\/create/, /\/archive/, /\/start/]) {
      const view = await session.fabric.observe(goal.scope, { maxAgeMs: 0, signal: never });
      const [step] = session.fabric.plan(goal, view);
      if (step === undefined) throw new Error('there is nothing to do');
      line.cut(cut, 'after');
      await expect(session.fabric.run(step, never)).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(line.isWhole()).toBe(true);
    session.close();
    await line.stop();
    expect(await tenant.left(goal)).toEqual([]);
    expect(await containersOf()).toHaveLength(1);
  });

  test('says which container has the port of the host, and makes no balancer without it', async () => {
    const members = await standing(1);
    const second = { ...tenant.owner, placement: 'second' };
    const goal = tenant.wish({ owner: second, balancer: balancerWish({ port, members }) });
    await expect(tenant.carryOut(goal)).rejects.toMatchObject({
      code: 'alreadyExists',
      reason: 'HostPortTaken',
    });
    expect(await containersOf()).toHaveLength(1);
  });

  test('says so when its image is not there', async () => {
    await tenant.carryOut(tenant.wish());
    const spec = { haproxyImage: '127.0.0.1:1/nobody/haproxy:1' };
    const goal = { ...balanced([]), scope: { owner: tenant.owner, spec } };
    await expect(tenant.carryOut(goal)).rejects.toMatchObject({ api: 'ImageCreate', code: 'unavailable' });
    const wrong = { ...goal, scope: { owner: tenant.owner, spec: { haproxyImage: ground.image } } };
    await expect(tenant.carryOut(wrong)).rejects.toMatchObject({
      code: 'invalid',
      reason: 'CommandNotRunnable',
    });
    expect(await containersOf()).toEqual([]);
  });

  test('refuses what an engine cannot do, and does the rest', async () => {
    const ports = [
      { port, targetPort: 8080, protocol: 'HTTP' as const },
      { port: port + 1, targetPort: 8080, protocol: 'UDP' as const },
    ];
    await expect(tenant.carryOut(balanced([], { ports }))).rejects.toMatchObject({
      code: 'unsupported',
      reason: 'ProtocolUnsupported',
    });
    expect((await tenant.observe(balanced([]))).balancer?.active).toBe(true);
    await expect(tenant.carryOut(tenant.wish({ egress: [] }))).rejects.toMatchObject({
      code: 'unsupported',
      reason: 'EgressUnsupported',
    });
  });

  describe('an existing network', () => {
    test('is used by its name, and stays when all is taken away', async () => {
      const made = await ground.hands.createNetwork({ Name: `own-${tenant.cluster}`, Driver: 'bridge' });
      const spec = { network: `own-${tenant.cluster}` };
      const wish = tenant.wish({ spec });
      expect(await tenant.carryOut(wish)).toEqual([]);
      expect(await tenant.observe(wish)).toMatchObject({
        attachment: { zones: [{ zone: 'engine', at: `own-${tenant.cluster}` }] },
        network: { id: made.id, found: `network own-${tenant.cluster}, by its name` },
        resources: [],
      });
      expect(await tenant.carryOut({ scope: wish.scope, goal: 'nothing' })).toEqual([]);
      await made.remove();
    });

    test('that is not there is trouble, and nothing is made', async () => {
      const wish = tenant.wish({ spec: { network: 'nowhere' }, balancer: balancerWish({ port }) });
      const view = await tenant.observe(wish);
      expect(view.trouble).toMatchObject({
        code: 'notFound',
        reason: 'NetworkNotFound',
        message: expect.stringMatching(/^NetworkNotFound: the engine has no network nowhere; /),
      });
      expect(await tenant.carryOut(wish)).toEqual([]);
    });
  });

  describe('what looks like ours and is not', () => {
    test('a network of the same name is left alone', async () => {
      await tenant.carryOut(tenant.wish());
      const name = (await tenant.observe(tenant.wish())).attachment?.zones[0]?.at ?? '';
      await tenant.carryOut(tenant.nothing());
      const foreign = await ground.hands.createNetwork({ Name: name, Driver: 'bridge' });
      await tenant.observe(tenant.wish(), 0);
      await expect(tenant.carryOut(tenant.wish())).rejects.toMatchObject({
        code: 'alreadyExists',
        reason: 'NameTaken',
      });
      expect(await tenant.carryOut(tenant.nothing())).toEqual([]);
      expect((await foreign.inspect()).Name).toBe(name);
      await foreign.remove();
    });

    test('a container of the same name is left alone', async () => {
      await standing(0);
      const name = (await (await balancerContainer()).inspect()).Name.slice(1);
      await tenant.carryOut(tenant.nothing());
      const foreign = await ground.hands.createContainer({ name, Image: ground.image });
      await expect(tenant.carryOut(balanced([]))).rejects.toMatchObject({
        code: 'alreadyExists',
        reason: 'NameTaken',
      });
      await tenant.carryOut(tenant.nothing());
      expect((await foreign.inspect()).State.Status).toBe('created');
      await foreign.remove();
    });

    test('a foreign container in our network keeps it, and that is told', async () => {
      await tenant.carryOut(tenant.wish());
      const name = (await tenant.observe(tenant.wish())).attachment?.zones[0]?.at ?? '';
      const foreign = await ground.hands.createContainer({
        Image: ground.image,
        HostConfig: { NetworkMode: name },
      });
      await foreign.start();
      await expect(tenant.carryOut(tenant.nothing())).rejects.toMatchObject({
        code: 'unavailable',
        reason: 'InUse',
      });
      await foreign.remove({ force: true });
      expect(await tenant.carryOut(tenant.nothing())).toEqual(['delete network: nothing is to be left']);
    });
  });

  describe('taking away', () => {
    test('leaves nothing, and waits for the machines', async () => {
      const members = await standing(2);
      const steps = tenant.session.fabric.plan(tenant.nothing(), await tenant.observe(tenant.nothing(), 0));
      expect(steps.map(({ kind, waits }) => [kind, waits?.replace(/container \S+/, 'container X')])).toEqual([
        ['container', undefined],
        ['network', 'container X is still in it'],
      ]);
      await tenant.session.machines.remove(members, never);
      expect(await tenant.carryOut(tenant.nothing())).toEqual([
        'delete container: nothing is to be left',
        'delete network: nothing is to be left',
      ]);
      expect((await tenant.observe(tenant.nothing(), 0)).resources).toEqual([]);
      expect(await tenant.session.fabric.owners(never)).toEqual([]);
    });

    test('removes volumes whose container somebody removed', async () => {
      await tenant.carryOut(tenant.wish());
      const [id = ''] = await tenant.launch(1, tenant.owner, withVolume);
      expect(await tenant.left(tenant.wish())).toEqual([]);
      await ground.hands.getContainer(id).remove({ force: true });
      expect(await tenant.left(tenant.wish())).toEqual(['delete volume: its container is gone']);
      await tenant.carryOut(tenant.nothing());
      expect((await ground.hands.listVolumes()).Volumes).toEqual([]);
    });

    test('leaves a volume that somebody else uses, and says so', async () => {
      await tenant.carryOut(tenant.wish());
      const [id = ''] = await tenant.launch(1, tenant.owner, withVolume);
      const { Mounts } = await ground.hands.getContainer(id).inspect();
      const foreign = await ground.hands.createContainer({
        Image: ground.image,
        HostConfig: { Binds: [`${Mounts[0]?.Name}:/theirs`] },
      });
      expect((await tenant.session.machines.remove([id], never)).refused.size).toBe(0);
      expect(await tenant.living()).toEqual([]);
      await expect(tenant.carryOut(tenant.nothing())).rejects.toMatchObject({
        api: 'VolumeDelete',
        code: 'unavailable',
        reason: 'InUse',
      });
      await foreign.remove();
      expect(await tenant.carryOut(tenant.nothing())).toEqual([
        'delete volume: its container is gone',
        'delete network: nothing is to be left',
      ]);
    });

    test.each(['the sweep', 'the next Network of that name'])(
      'leaves the volume of a released container that somebody removed: %s',
      async (who) => {
        await tenant.carryOut(tenant.wish());
        const [id = ''] = await tenant.launch(1, tenant.owner, withVolume);
        await tenant.session.machines.release([id], never);
        await ground.hands.getContainer(id).remove({ force: true });
        const before = (await ground.hands.listVolumes()).Volumes.map(({ Name }) => Name);
        expect(before).toHaveLength(1);
        if (who === 'the sweep') {
          expect(await tenant.carryOut(tenant.swept())).toEqual(['delete network: nothing is to be left']);
        } else {
          tenant.remake();
          expect(await tenant.left(tenant.wish())).toEqual([]);
          const [next = ''] = await tenant.launch(1, tenant.owner, withVolume);
          await ground.hands.getContainer(next).remove({ force: true });
          expect(await tenant.left(tenant.wish())).toEqual(['delete volume: its container is gone']);
          await tenant.carryOut(tenant.nothing());
        }
        expect((await ground.hands.listVolumes()).Volumes.map(({ Name }) => Name)).toEqual(before);
      },
    );

    test('of one placement leaves the other its network, and the last takes it', async () => {
      const second = { ...tenant.owner, placement: 'second' };
      await tenant.carryOut(tenant.wish());
      expect(await tenant.carryOut(tenant.wish({ owner: second }))).toEqual([]);
      const [a = ''] = await tenant.launch(1);
      const [b = ''] = await tenant.launch(1, second);
      const owners = await tenant.session.fabric.owners(never);
      expect(owners.map(({ placement }) => placement).sort()).toEqual(['local', 'second']);
      await tenant.session.machines.remove([a], never);
      expect(await tenant.carryOut(tenant.nothing())).toEqual([]);
      expect(await tenant.left(tenant.wish({ owner: second }))).toEqual([]);
      await tenant.session.machines.remove([b], never);
      expect(await tenant.carryOut(tenant.nothing(second))).toEqual([
        'delete network: nothing is to be left',
      ]);
    });

    test('a balancer that is not wished any more goes alone', async () => {
      const members = await standing(1);
      expect(await tenant.carryOut(tenant.wish())).toEqual(['delete container: nothing wished uses it']);
      expect(await tenant.living()).toEqual(members);
    });
  });

  test('one balancer has members of several placements, and outlives each of them', async () => {
    const { cluster, network = '' } = tenant.owner;
    const region = { cluster, network, region: 'docker/E:1/engine' };
    const second = { ...tenant.owner, placement: 'second' };
    const shared = (members: readonly string[]) =>
      tenant.wish({ owner: region, balancer: balancerWish({ port, members }) });
    const served = (owner: Owner) => {
      const { ports, health } = balancerWish({ port });
      return tenant.wish({ owner, servedBy: { owner: region, ports, health } });
    };
    await tenant.carryOut(shared([]));
    for (const owner of [tenant.owner, second]) expect(await tenant.carryOut(served(owner))).toEqual([]);
    const [a = ''] = await tenant.launch(1);
    const [b = ''] = await tenant.launch(1, second);
    await tenant.carryOut(shared([a, b]));
    await eventually(
      () => tenant.observe(shared([a, b])),
      ({ members }) =>
        [...members.values()].every(({ health }) => health === 'healthy') && members.size === 2,
    );
    const answers = await Promise.all(Array.from({ length: 6 }, () => get(port)));
    expect(new Set(answers)).toEqual(new Set(['node-1', 'node-2']));
    expect(
      (await tenant.session.fabric.owners(never)).map((owner) => owner.region ?? owner.placement),
    ).toEqual(expect.arrayContaining(['docker/E:1/engine', 'local', 'second']));

    await tenant.carryOut(shared([b]));
    await tenant.session.machines.remove([a], never);
    expect(await tenant.carryOut(tenant.nothing())).toEqual([]);
    expect(await get(port)).toBe('node-2');
    await tenant.session.machines.remove([b], never);
    expect(await tenant.carryOut(tenant.nothing(second))).toEqual([]);
    expect(await tenant.carryOut(tenant.nothing(region))).toEqual([
      'delete container: nothing is to be left',
      'delete network: nothing is to be left',
    ]);
    expect(await tenant.session.fabric.owners(never)).toEqual([]);
  });

  test('a shared balancer that is not wished goes alone: nobody else loses the network', async () => {
    const { cluster, network = '' } = tenant.owner;
    const region = { cluster, network, region: 'docker/E:1/engine' };
    await tenant.carryOut(tenant.wish({ owner: region, balancer: balancerWish({ port }) }));
    const none = tenant.wish({ owner: region });
    expect(await tenant.carryOut(none)).toEqual(['delete container: nothing wished uses it']);
    expect(await tenant.left(none)).toEqual([]);
    expect(await tenant.left(tenant.wish())).toEqual([]);
  });

  test('releases everything and stops nothing', async () => {
    const members = await standing(1);
    await tenant.session.machines.release(members, never);
    const goal = { ...tenant.nothing(), goal: 'released' as const };
    expect(await tenant.carryOut(goal)).toEqual([
      'release container: its name says from now on that it is not ours',
    ]);
    expect(await tenant.session.fabric.owners(never)).toEqual([]);
    expect(await tenant.left(tenant.nothing())).toEqual([]);
    expect(await get(port)).toBe('node-1');
  });
});
