/** What goes wrong on AWS, and at scale: only the sandbox can be made to do so. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CloudSession, Machine } from '../../src/clouds/cloud.ts';
import { createFakeClock, type FakeClock } from '../../src/runtime/fake-clock.ts';
import { type AwsSandbox, startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { AWS_CAN, createAwsStage } from './machines-aws.ts';
import { createTenant, type MachinesStage, never, refusalOf, type Tenant } from './machines-suite.ts';

let clock: FakeClock;
let sandbox: AwsSandbox;
let stage: MachinesStage;
let tenant: Tenant;

beforeEach(async () => {
  clock = createFakeClock();
  sandbox = await startAwsSandbox({ clock, throttle: 'off' });
  vi.stubEnv('AWS_ENDPOINT_URL', sandbox.url);
  stage = await createAwsStage({
    url: sandbox.url,
    can: AWS_CAN,
    now: clock.now,
    settle: () => clock.advance(60_000),
    stop: sandbox.stop,
  });
  tenant = await createTenant(stage);
  sandbox.resetCounters();
  return async () => {
    tenant.close();
    await stage.stop();
    vi.unstubAllEnvs();
  };
});
afterEach(() => {
  expect(sandbox.counters.unimplemented).toBe(0);
});

const idsOf = (machines: readonly Machine[]) => machines.map(({ id }) => id).sort();
const zone = () => stage.attachment.zones[0]?.zone ?? '';

describe('a launch', () => {
  test('whose reply was lost has an unknown outcome, and made what its repetition answers', async () => {
    const request = await tenant.prepare('a', 3);
    sandbox.faults.add({ action: 'RunInstances', lostReply: true, times: 1 });
    const lost = await refusalOf(tenant.machines.launch(request, never));
    expect(lost).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    const { machines } = await tenant.machines.launch(request, never);
    expect(idsOf(machines)).toEqual(await tenant.listed());
    expect(machines).toHaveLength(3);
  });

  test('that never arrived has an unknown outcome all the same', async () => {
    sandbox.faults.add({ action: 'RunInstances', dropRequest: true, times: 1 });
    const lost = await refusalOf(tenant.launch('a', 1));
    expect(lost).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    expect(await tenant.listed()).toEqual([]);
  });

  test('answers the first set while lists do not show it yet', async () => {
    const request = await tenant.prepare('a', 2);
    await clock.advance(600_000);
    sandbox.set({ readLagMs: 300_000 });
    const { machines } = await tenant.machines.launch(request, never);
    expect(await tenant.listed()).toEqual([]);
    expect(idsOf((await tenant.machines.launch(request, never)).machines)).toEqual(idsOf(machines));
    await clock.advance(300_000);
    expect(await tenant.listed()).toEqual(idsOf(machines));
  });

  test('that finds no room at all says so, and nothing was done', async () => {
    sandbox.faults.capacity('us-east-1', zone(), 't3.small', 0);
    const refused = await refusalOf(tenant.launch('a', 2));
    expect(refused).toMatchObject({
      code: 'outOfCapacity',
      outcome: 'none',
      reason: 'InsufficientInstanceCapacity',
    });
  });

  test('that finds room for some brings those, with the reason for the rest', async () => {
    sandbox.faults.capacity('us-east-1', zone(), 't3.small', 2);
    const { machines, shortage, spent } = await tenant.machines.launch(await tenant.prepare('a', 5), never);
    expect(machines.map(({ launch }) => launch?.index).sort()).toEqual([0, 1]);
    expect(shortage).toMatchObject({ code: 'outOfCapacity', outcome: 'none' });
    expect(shortage?.message).toBe(
      'RunInstances refused: InsufficientInstanceCapacity: only 2 of 5 machines could be had',
    );
    expect(spent).toBe(false);
  });

  test('that comes too fast is throttled, and nothing was done', async () => {
    sandbox.set({ throttle: 'published' });
    const requests = await Promise.all(Array.from({ length: 6 }, (_, n) => tenant.prepare(`t${n}`, 1)));
    const launches = await Promise.allSettled(
      requests.map((request) => tenant.machines.launch(request, never)),
    );
    const refused = launches.filter((launch) => launch.status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'throttled', outcome: 'none' } }]);
    expect(await tenant.listed()).toHaveLength(5);
  });

  test('as spot machines with everything else that can be said is taken as meant', async () => {
    const spec = {
      spot: { maxPrice: '0.05' },
      publicIp: true,
      instanceProfile: 'nodes',
      rootVolume: { type: 'gp3', encrypted: true, sizeGiB: 50 },
      tags: { team: 'chains', Name: 'validators' },
      runInstances: {
        Monitoring: { Enabled: true },
        TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'more', Value: 'yes' }] }],
      },
    };
    await tenant.machines.launch(await tenant.prepare('a', 1, { spec }), never);
    const [instance] = sandbox.state('us-east-1').instances;
    expect(instance).toMatchObject({
      monitoring: true,
      profile: expect.stringContaining('nodes'),
      groupIds: stage.attachment.firewalls,
      subnetId: stage.attachment.zones[0]?.at,
      metadata: { tokens: 'required', endpoint: 'enabled' },
      volumes: [{ type: 'gp3', encrypted: true, sizeGib: 50 }],
      tags: { team: 'chains', Name: 'validators', more: 'yes', 'peerage-cluster': tenant.cluster },
    });
    expect(instance?.publicIp).toBeDefined();
    expect(instance?.spotRequestId).toBeDefined();
  });
});

test.for(['pin', 'resolve'] as const)(
  'a member of runInstances that EC2 does not have is refused at %s, before any call',
  async (when) => {
    const spec = { ...stage.spec, runInstances: { CpuOptions: { CoreCout: 2 } } };
    const calls = sandbox.log.length;
    const asked =
      when === 'pin'
        ? tenant.machines.pin(spec, never)
        : tenant.machines.resolve(spec, stage.attachment, zone(), never);
    const error = await refusalOf(asked);
    expect(error).toMatchObject({ code: 'invalid', outcome: 'none', reason: 'UnknownParameter' });
    expect(error.message).toContain('CpuOptions.CoreCout');
    expect(sandbox.log).toHaveLength(calls);
  },
);

describe('a machine that ended by itself', () => {
  test('tells why, in the words of a launch that is refused', async () => {
    const [instanceId = ''] = await tenant.launch('a', 1);
    const reason = { code: 'Server.SpotInstanceTermination', message: 'no longer available' };
    sandbox.behindTheBack.terminateInstance('us-east-1', instanceId, reason);
    await stage.settle();
    expect(await tenant.machines.list(never)).toMatchObject([
      { state: 'terminated', stateReason: { ...reason, means: 'outOfCapacity' } },
    ]);
  });
});

describe('a list', () => {
  test('throws rather than answer in part', async () => {
    await launchMany(1100);
    sandbox.faults.add({
      action: 'DescribeInstances',
      error: { code: 'InternalError', status: 500 },
      skip: 1,
      times: 1,
    });
    expect(await refusalOf(tenant.machines.list(never))).toMatchObject({ code: 'unavailable' });
    expect(await tenant.listed()).toHaveLength(1100);
  });
});

describe('a thousand machines', () => {
  test('are launched and removed with few calls', async () => {
    await launchMany(1000);
    // An image parameter, an image, a type, and ten launches.
    expect(sandbox.counters.total).toBe(13);
    sandbox.resetCounters();
    const ids = idsOf(await tenant.machines.list(never));
    const { refused } = await tenant.machines.remove(ids, never);
    expect(refused.size).toBe(0);
    // One list, five looks whether they are ours, one end for all.
    expect(sandbox.counters.calls).toEqual({ 'ec2:DescribeInstances': 6, 'ec2:TerminateInstances': 1 });
    await stage.settle();
    expect(await tenant.living()).toEqual([]);
  });

  test('are looked into once for all of them', async () => {
    const session: CloudSession = tenant;
    const all = stage.attachment.zones.map(({ zone: name }) =>
      session.machines.resolve(stage.spec, stage.attachment, name, never),
    );
    expect(new Set((await Promise.all(all)).map((resolved) => JSON.stringify(resolved))).size).toBe(6);
    expect(sandbox.counters.total).toBe(3);
    await clock.advance(11 * 60_000);
    await session.machines.resolve(stage.spec, stage.attachment, zone(), never);
    expect(sandbox.counters.total).toBe(6);
  });
});

describe('removing', () => {
  test('reaches machines that are too young to be seen', async () => {
    await clock.advance(600_000);
    sandbox.set({ readLagMs: 300_000 });
    const ids = await tenant.launch('a', 2);
    expect((await tenant.machines.remove(ids, never)).refused.size).toBe(0);
    expect(sandbox.state('us-east-1').instances.map(({ state }) => state)).toEqual([
      'shutting-down',
      'shutting-down',
    ]);
  });

  test('finds the others among many that nobody knows, in a bounded number of calls', async () => {
    const ids = await launchMany(200);
    const gone = Array.from({ length: 300 }, (_, n) => `i-${n.toString(16).padStart(17, '0')}`);
    sandbox.resetCounters();
    await tenant.machines.remove([...ids, ...gone], never);
    expect(await tenant.living()).toEqual([]);
    expect(sandbox.counters.calls['ec2:TerminateInstances']).toBeLessThanOrEqual(100);
  });

  test('that is throttled tells so for each machine, and stops', async () => {
    const ids = await tenant.launch('a', 3);
    sandbox.faults.add({
      action: 'TerminateInstances',
      error: { code: 'RequestLimitExceeded', status: 503 },
    });
    sandbox.resetCounters();
    const { refused } = await tenant.machines.remove(ids, never);
    expect([...refused.keys()].sort()).toEqual([...ids].sort());
    expect(refused.get(ids[0] ?? '')).toMatchObject({ code: 'throttled', outcome: 'none' });
    expect(sandbox.counters.calls['ec2:TerminateInstances']).toBe(1);
  });
});

async function launchMany(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let left = count, batch = 0; left > 0; left -= 100, batch += 1) {
    ids.push(...(await tenant.launch(`many-${batch}`, Math.min(left, 100))));
  }
  return ids;
}
