import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import {
  balancerWish,
  createFabricTenant,
  type FabricGround,
  type FabricTenant,
  get,
  startFabricGround,
} from './fabric-docker-stage.ts';

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

  test('makes a balancer that answers with its members', async () => {
    await tenant.carryOut(tenant.wish());
    const members = await tenant.launch(2);
    const run = await tenant.carryOut(balanced(members));
    expect(run).toEqual(['create container: there is none']);
    const view = await settled(members);
    expect(view.balancer).toMatchObject({ address: '127.0.0.1', active: true });
    expect(view.pools).toBe(1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(port)));
    expect(new Set(answers).size).toBe(2);
    expect(await tenant.left(balanced(members))).toEqual([]);
  });
});
