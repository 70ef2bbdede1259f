import { describe, expect, it } from 'vitest';
import { ANNOTATIONS, LABELS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import { KubeError } from '../../kube/errors.ts';
import { createFakeApi, refused } from '../../kube/fake-api.ts';
import type { KubeObject } from '../../kube/object.ts';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { NETWORKS, type Seen } from '../kinds.ts';
import { createGateways } from './gateway.ts';
import { gatewayResources, PARTS, type Part } from './gateway-kinds.ts';
import type { SeenPlace } from './gateway-pool.ts';

type Members = Readonly<Record<string, unknown>>;

const { signal } = new AbortController();
const name = { namespace: 'chains', name: 'dev-gateway' };
const restMs = 300_000;

const place = (called: string, more: Partial<SeenPlace> = {}): SeenPlace => ({
  name: called,
  region: called,
  desired: 3,
  ready: 3,
  address: `${called}.example.com`,
  observed: true,
  ...more,
});
const both = [place('virginia'), place('ireland')];

async function stage() {
  const clock = createFakeClock();
  const api = createFakeApi(clock.now);
  const networkResource = api.resource(NETWORKS);
  const resources = gatewayResources(api);
  const specOf = (gateway: Members | null) => ({
    client: { image: 'a', ports: [{ name: 'rpc', port: 8545 }] },
    placements: ['virginia', 'ireland'].map((called) => ({
      name: called,
      credentialRef: { name: 'aws' },
      aws: { region: 'us-east-1', instanceType: 't3.small' },
    })),
    balancer: { type: 'Application', ports: [{ port: 80, targetPort: 'rpc' }] },
    gateway,
  });
  const create = () =>
    networkResource.create({
      metadata: { namespace: 'chains', name: 'dev' },
      spec: { ...specOf({}), gateway: {} },
    });
  let seen = await create();
  let gateways = createGateways({ client: api, networkResource, clock, logger: silentLogger });
  const parsed = (): Network => {
    if (!seen.parsed.ok) throw new Error(seen.parsed.message);
    return seen.parsed.value;
  };
  const madeOf = (object: KubeObject): Members => JSON.parse(JSON.stringify(object));
  return {
    clock,
    api,
    resources,
    align: async (places: readonly SeenPlace[] = both, { dryRun = false, anew = false } = {}) => {
      const report = await gateways.align(seen, parsed(), places, { dryRun, anew, signal });
      seen = report.seen;
      return report;
    },
    endpoints: () => gateways.endpoints('chains/dev'),
    /** The user changes `spec.gateway`. */
    wish: async (gateway: Members | null) => {
      seen = await networkResource.patch(seen.metadata, { spec: specOf(gateway) }, { type: 'merge' });
    },
    /** The operator starts anew. */
    restart: () => {
      gateways = createGateways({ client: api, networkResource, clock, logger: silentLogger });
    },
    replaceNetwork: async () => {
      await networkResource.delete(seen.metadata);
      seen = await create();
    },
    seen: (): Seen<Network> => seen,
    /** Calls made for the gateway since the last time. */
    callsMade: () => api.calls.splice(0).filter((call) => !call.includes('networks')),
    networkCalls: () => api.calls.filter((call) => call.includes('networks')),
    get: async (part: Part) => {
      const object = await resources[part].get(name);
      api.calls.pop();
      return object === undefined ? undefined : madeOf(object);
    },
    /** As the cluster does when all Pods serve. */
    serve: async (replicas = 2) => {
      const object = await resources.deployment.get(name);
      const status = {
        observedGeneration: object?.metadata.generation,
        replicas,
        updatedReplicas: replicas,
        availableReplicas: replicas,
      };
      await resources.deployment.patch(name, { status }, { type: 'merge', subresource: 'status' });
      api.calls.splice(0);
    },
  };
}

/** All parts are there, the Pods serve, and the operator has seen it. */
async function settled() {
  const on = await stage();
  await on.align();
  await on.serve();
  await on.clock.advance(60_000);
  await on.align();
  on.api.calls.splice(0);
  return on;
}

describe('a gateway that is wished', () => {
  it('is noted on the Network before its first part is made', async () => {
    const on = await stage();
    await on.align();
    expect(on.seen().metadata.annotations).toHaveProperty([ANNOTATIONS.gateway], 'dev-gateway');
    const writes = on.api.calls.filter((call) => call.startsWith('patch'));
    expect(writes).toEqual([
      'patch networks chains/dev',
      'patch services chains/dev-gateway',
      'patch configmaps chains/dev-gateway',
      'patch deployments chains/dev-gateway',
      'patch poddisruptionbudgets chains/dev-gateway',
    ]);
  });

  it('is its Service alone while no placement has a balancer', async () => {
    const on = await stage();
    const { address: _, ...none } = place('virginia');
    await on.align([none]);
    expect(await on.get('service')).toBeDefined();
    expect(await on.get('deployment')).toBeUndefined();
  });

  it('waits until all its Pods serve, and then rests', async () => {
    const on = await stage();
    const { waits, lookAfterMs } = await on.align();
    expect(waits).toBe('the gateway changes its Pods');
    expect(lookAfterMs).toBe(5_000);
    await on.serve(1);
    await on.clock.advance(5_000);
    expect((await on.align()).waits).toBe('the gateway has 1 of 2 Pods');
    await on.serve(2);
    await on.clock.advance(5_000);
    const report = await on.align();
    expect(report).not.toHaveProperty('waits');
    expect(report.lookAfterMs).toBe(restMs);
  });

  it('is looked at less and less while its Pods do not come', async () => {
    const on = await stage();
    await on.align();
    await on.clock.advance(600_000);
    expect((await on.align()).lookAfterMs).toBe(60_000);
  });

  it('calls nobody at rest, but for a look every five minutes', async () => {
    const on = await settled();
    await on.align();
    await on.clock.advance(restMs - 60_001);
    await on.align();
    expect(on.callsMade()).toEqual([]);
    await on.clock.advance(60_001);
    await on.align();
    expect(on.callsMade().toSorted()).toEqual([
      'get configmaps chains/dev-gateway',
      'get deployments chains/dev-gateway',
      'get poddisruptionbudgets chains/dev-gateway',
      'get services chains/dev-gateway',
    ]);
  });

  it('is looked at when somebody asks', async () => {
    const on = await settled();
    await on.align(both, { anew: true });
    expect(on.callsMade()).toHaveLength(4);
  });

  it('is not written again by an operator that starts anew', async () => {
    const on = await settled();
    on.restart();
    await on.align();
    expect(on.callsMade().filter((call) => !call.startsWith('get'))).toEqual([]);
  });

  it.each(PARTS)('has its %s mended when somebody changed or removed it', async (part) => {
    const on = await settled();
    const before = await on.get(part);
    await on.resources[part].patch(
      name,
      { metadata: { labels: { [LABELS.network]: 'other' } } },
      { type: 'merge' },
    );
    await on.clock.advance(restMs);
    await on.align();
    expect(await on.get(part)).toMatchObject({ metadata: { labels: { [LABELS.network]: 'dev' } } });
    await on.resources[part].delete(name);
    await on.clock.advance(restMs);
    await on.align();
    const after = await on.get(part);
    expect([after?.spec, after?.data]).toEqual([before?.spec, before?.data]);
  });

  it('leaves alone what the server and others add', async () => {
    const on = await settled();
    const added = { metadata: { annotations: { 'example.com/a': 'b' } }, spec: { ipFamilies: ['IPv4'] } };
    await on.resources.service.patch(name, added, { type: 'merge' });
    on.callsMade();
    await on.clock.advance(restMs);
    await on.align();
    expect(on.callsMade().filter((call) => call.startsWith('patch'))).toEqual([]);
  });

  it('changes at once when a balancer gets another address', async () => {
    const on = await settled();
    await on.align([place('virginia', { address: 'new.example.com' }), place('ireland')]);
    expect(on.callsMade()).toEqual([
      'patch configmaps chains/dev-gateway',
      'patch deployments chains/dev-gateway',
    ]);
    expect(JSON.stringify(await on.get('configMap'))).toContain('server virginia new.example.com:80');
  });

  it('keeps the balancer of a placement whose cloud was not asked, also after a restart', async () => {
    const on = await settled();
    on.restart();
    const { address: _, ...unknown } = place('virginia', { observed: false });
    await on.align([unknown, place('ireland')]);
    expect(on.callsMade().filter((call) => call.startsWith('patch'))).toEqual([]);
  });

  it('speaks what its Service does', async () => {
    const on = await stage();
    await on.resources.service.patch(
      name,
      {
        metadata: { name: name.name, namespace: name.namespace, labels: { [LABELS.network]: 'dev' } },
        spec: { ipFamilies: ['IPv6'] },
      },
      { type: 'apply' },
    );
    await on.align();
    expect(JSON.stringify(await on.get('configMap'))).toContain('bind [::]:10080');
  });
});

describe('weights by Ready nodes', () => {
  const weighted = async () => {
    const on = await settled();
    await on.wish({ algorithm: 'Weighted' });
    await on.align();
    await on.serve();
    await on.clock.advance(10_000);
    await on.align();
    on.callsMade();
    return on;
  };
  const uneven = [place('virginia', { ready: 1 }), place('ireland')];

  it('follow only what lasts', async () => {
    const on = await weighted();
    expect((await on.align(uneven)).lookAfterMs).toBe(120_000);
    await on.clock.advance(119_000);
    await on.align(uneven);
    expect(on.callsMade().filter((call) => call.startsWith('patch'))).toEqual([]);
    await on.clock.advance(1_000);
    await on.align(uneven);
    expect(JSON.stringify(await on.get('configMap'))).toContain(
      'server virginia virginia.example.com:80 weight 1',
    );
  });

  it('forget what did not last', async () => {
    const on = await weighted();
    await on.align(uneven);
    await on.clock.advance(119_000);
    await on.align(both);
    await on.clock.advance(1_000);
    await on.align(uneven);
    expect(on.callsMade().filter((call) => call.startsWith('patch'))).toEqual([]);
  });

  it('do not hold up anything else', async () => {
    const on = await weighted();
    await on.align(uneven);
    await on.align([place('virginia', { ready: 1, address: 'new.example.com' }), place('ireland')]);
    expect(JSON.stringify(await on.get('configMap'))).toContain('new.example.com:80 weight 1');
  });
});

describe('endpoints', () => {
  it('are the name of the Service inside the cluster', async () => {
    const on = await settled();
    await on.align();
    expect(on.endpoints()).toEqual(['dev-gateway.chains.svc:80']);
  });

  it('are the addresses that a load balancer got, and are waited for', async () => {
    const on = await settled();
    await on.wish({ service: { type: 'LoadBalancer' } });
    expect((await on.align()).waits).toBe('the gateway waits for the address of its Service');
    expect(on.endpoints()).toEqual([]);
    const ingress = [{ hostname: 'lb.example.com' }, { ip: '2001:db8::1' }];
    const status = { loadBalancer: { ingress } };
    await on.resources.service.patch(name, { status }, { type: 'merge', subresource: 'status' });
    await on.clock.advance(5_000);
    const report = await on.align();
    expect(on.endpoints()).toEqual(['lb.example.com:80', '[2001:db8::1]:80']);
    expect(report).not.toHaveProperty('waits');
  });
});

describe('a gateway that is no longer wished', () => {
  it('has no endpoints', async () => {
    const on = await settled();
    await on.wish(null);
    await on.align();
    expect(on.endpoints()).toEqual([]);
  });

  it('goes in all parts, and then its note', async () => {
    const on = await settled();
    on.restart();
    await on.wish(null);
    await on.align();
    for (const part of PARTS) expect(await on.get(part), part).toBeUndefined();
    expect(on.seen().metadata.annotations ?? {}).not.toHaveProperty([ANNOTATIONS.gateway]);
  });

  it('costs no call where none was made', async () => {
    const on = await stage();
    await on.wish(null);
    on.api.calls.splice(0);
    expect((await on.align()).steps).toEqual([]);
    expect(on.api.calls).toEqual([]);
  });

  it('is gone for good when a removal was cut short', async () => {
    const on = await settled();
    await on.wish(null);
    on.api.failNext('delete', refused(500, 'InternalError', 'no'));
    await expect(on.align()).rejects.toThrow('no');
    await on.align();
    for (const part of PARTS) expect(await on.get(part), part).toBeUndefined();
  });

  it('takes nothing along that is not ours', async () => {
    const on = await settled();
    await on.resources.service.patch(
      name,
      { metadata: { ownerReferences: [], labels: { [LABELS.network]: null } } },
      { type: 'merge' },
    );
    await on.wish(null);
    await on.align();
    expect(await on.get('service')).toBeDefined();
    expect(await on.get('deployment')).toBeUndefined();
  });
});

describe('in trouble', () => {
  const changing = async (error: Error) => {
    const on = await settled();
    await on.wish({ replicas: 3 });
    on.api.failNext('patch', error);
    return on;
  };

  it('says which right is missing, and goes on when it is there', async () => {
    const on = await changing(refused(403, 'Forbidden', 'deployments.apps "dev-gateway" is forbidden'));
    const { trouble } = await on.align();
    expect(trouble).toMatchObject({ reason: 'GatewayForbidden', stalled: true });
    expect(trouble?.message).toContain('deployments.apps "dev-gateway" is forbidden');
    expect(trouble?.message).toMatch(
      /; the chart gives the rights for a gateway with gateway\.enabled=true$/,
    );
    expect(on.endpoints()).not.toEqual([]);
    expect(await on.align()).not.toHaveProperty('trouble');
    expect(await on.get('deployment')).toMatchObject({ spec: { replicas: 3 } });
  });

  it('says nothing in a namespace on its way out', async () => {
    const body = { details: { causes: [{ reason: 'NamespaceTerminating' }] } };
    const on = await changing(new KubeError('patch', { status: 403, reason: 'Forbidden', body }));
    expect(await on.align()).not.toHaveProperty('trouble');
  });

  it('says what the server finds wrong', async () => {
    const on = await changing(refused(422, 'Invalid', 'metadata.annotations: Invalid value'));
    expect((await on.align()).trouble).toMatchObject({ reason: 'Invalid', stalled: true });
  });

  it('leaves other errors to the queue', async () => {
    const on = await stage();
    on.api.failNext('get', refused(500, 'InternalError', 'no'));
    await expect(on.align()).rejects.toThrow('no');
  });

  it.each(PARTS)("does not touch somebody else's %s of its name", async (part) => {
    const on = await stage();
    await on.resources[part].create({ metadata: { ...name }, spec: { mine: true } });
    const before = await on.get(part);
    const { trouble } = await on.align();
    expect(trouble).toMatchObject({ reason: 'AlreadyExists', stalled: true });
    expect(await on.get(part)).toEqual(before);
    expect(on.callsMade().filter((call) => call.startsWith('patch'))).toEqual([]);
  });

  it('waits for what belongs to an earlier Network of its name', async () => {
    const on = await settled();
    await on.replaceNetwork();
    const report = await on.align();
    expect(report).not.toHaveProperty('trouble');
    expect(report.waits).toContain('an earlier Network of this name');
    for (const part of PARTS) await on.resources[part].delete(name);
    await on.clock.advance(5_000);
    await on.align();
    expect(await on.get('deployment')).toMatchObject({
      metadata: { ownerReferences: [{ uid: on.seen().metadata.uid }] },
    });
  });
});

describe('a dry run', () => {
  it('tells what would be made, changed and removed, and does nothing', async () => {
    const on = await stage();
    const verbs = async (places?: readonly SeenPlace[]) =>
      (await on.align(places, { dryRun: true })).steps.map(({ verb, kind }) => `${verb} ${kind}`);
    expect(await verbs()).toEqual([
      'create Service',
      'create ConfigMap',
      'create Deployment',
      'create PodDisruptionBudget',
    ]);
    expect(on.api.calls.filter((call) => /^(patch|create|delete)/.test(call))).toEqual([
      'create networks chains/dev',
    ]);
    await on.align();
    expect(await verbs()).toEqual([]);
    expect(await verbs([place('virginia')])).toEqual(['update ConfigMap', 'update Deployment']);
    await on.wish(null);
    on.api.calls.splice(0);
    expect(await verbs()).toEqual([
      'delete Service',
      'delete ConfigMap',
      'delete Deployment',
      'delete PodDisruptionBudget',
    ]);
    expect(on.api.calls.filter((call) => /^(patch|create|delete)/.test(call))).toEqual([]);
  });
});
