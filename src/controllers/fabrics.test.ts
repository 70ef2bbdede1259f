import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { CloudError, type FabricView, type Owner, type Scope, type Step } from '../clouds/cloud.ts';
import { scopeKeyOf } from './belonging.ts';
import { createFabrics } from './fabrics.ts';
import type { OpenSession } from './sessions.ts';

const scope = { owner: { cluster: 'c-1', network: 'chains/dev', placement: 'virginia' }, spec: {} };
const trouble = new CloudError({
  code: 'invalid',
  outcome: 'none',
  api: 'DescribeVpcs',
  reason: 'NoDefaultVpc',
  message: 'us-east-1 has no default VPC',
});
const view: FabricView = { ageMs: 0, members: new Map(), pools: 0, resources: [], trouble };

/** A cloud without a network to use, in which two things stand. */
function inTrouble() {
  const standing = ['balancer', 'security group'];
  const open: OpenSession = {
    credential: 'chains/aws',
    readsLag: true,
    cloud: 'aws',
    account: '000000000000',
    principal: 'arn:aws:iam::000000000000:user/peerage',
    session: {
      region: 'us-east-1',
      machines: refuse(),
      fabric: {
        observe: async () => view,
        plan: (goal): Step[] =>
          'goal' in goal
            ? standing.map((kind) => ({
                verb: 'delete',
                kind,
                name: 'p-1',
                because: 'nothing is to be left',
              }))
            : [
                {
                  verb: 'update',
                  kind: 'network',
                  name: 'VPC',
                  because: 'it is not settled',
                  waits: 'trouble',
                },
              ],
        run: async (step) => {
          standing.splice(standing.indexOf(step.kind), 1);
        },
        owners: async () => [],
      },
      verify: async () => ({ account: '000000000000', principal: 'peerage' }),
      close: () => {},
    },
  };
  return { open, standing };
}

function refuse(): OpenSession['session']['machines'] {
  const never = async () => Promise.reject(new Error('no machine is asked for here'));
  return {
    batchLimit: 100,
    list: never,
    read: never,
    pin: never,
    resolve: never,
    launch: never,
    remove: never,
    release: never,
  };
}

const fabrics = createFabrics({ logger: pino({ level: 'silent' }), onView: () => {} });
const signal = new AbortController().signal;

test('takes everything away also where no network is settled', async () => {
  const { open, standing } = inTrouble();
  const goal = { scope, goal: 'nothing' } as const;
  const { steps, ran } = await fabrics.align({ open, goal, maxAgeMs: 0, dryRun: false, signal });
  expect(ran.map(({ kind }) => kind)).toEqual(['balancer', 'security group']);
  expect(steps).toEqual([]);
  expect(standing).toEqual([]);
});

test('makes nothing where no network is settled', async () => {
  const { open, standing } = inTrouble();
  const goal = { scope, ingress: [] };
  const { steps, ran } = await fabrics.align({ open, goal, maxAgeMs: 0, dryRun: false, signal });
  expect(ran).toEqual([]);
  expect(steps).toHaveLength(1);
  expect(standing).toHaveLength(2);
});

describe('a scope that shares another', () => {
  const placement = { cluster: 'c-1', network: 'chains/dev', placement: 'virginia' };
  const region = { cluster: 'c-1', network: 'chains/dev', region: 'aws/000000000000/us-east-1' };
  const keys = { own: scopeKeyOf(placement), shared: scopeKeyOf(region) };
  const seen = (who: string, pools: number): FabricView => ({
    ageMs: 0,
    attachment: { zones: [{ zone: who, at: who }], firewalls: [who] },
    balancer: { id: who, address: `${who}.example`, active: true },
    members: new Map([
      [`m-${who}`, { health: 'healthy', pools }],
      ['m-both', { health: who === 'own' ? 'draining' : 'healthy', pools }],
    ]),
    pools,
    resources: [
      { kind: 'balancer', name: who, id: who },
      { kind: 'network', name: 'both', id: 'both' },
    ],
  });

  async function looked() {
    const all = createFabrics({ logger: pino({ level: 'silent' }), onView: () => {} });
    const { open } = inTrouble();
    const observe = async ({ owner }: Scope) =>
      owner.region === undefined ? seen('own', 1) : seen('shared', 2);
    const session = { ...open.session, fabric: { ...open.session.fabric, observe } };
    const look = (owner: Owner) =>
      all.look({ open: { ...open, session }, scope: { owner, spec: {} }, maxAgeMs: 0, signal });
    return { all, look };
  }

  test('is not told of before both were seen, and somebody said whose word counts', async () => {
    const { all, look } = await looked();
    all.share(keys.own, { region: keys.shared });
    await look(placement);
    expect(all.lastView(keys.own)).toBeUndefined();
    await look(region);
    expect(all.lastView(keys.own)).toBeUndefined();
    all.share(keys.own, { region: keys.shared, front: 'shared' });
    expect(all.lastView(keys.own)).toBeDefined();
    // Nobody says otherwise: it stays so.
    all.share(keys.own, { region: keys.shared });
    expect(all.lastView(keys.own)?.balancer?.id).toBe('shared');
  });

  test('is seen with the balancer that counts, and all that is in either', async () => {
    const { all, look } = await looked();
    await look(placement);
    await look(region);
    all.share(keys.own, { region: keys.shared, front: 'shared' });
    const view = all.lastView(keys.own);
    expect(view).toMatchObject({
      attachment: { firewalls: ['own'] },
      balancer: { id: 'shared' },
      pools: 2,
    });
    expect(Object.fromEntries(view?.members ?? [])).toEqual({
      'm-own': { health: 'healthy', pools: 0 },
      'm-shared': { health: 'healthy', pools: 2 },
      'm-both': { health: 'healthy', pools: 2 },
    });
    expect(view?.resources.map(({ id }) => id)).toEqual(['own', 'both', 'shared']);
    all.share(keys.own, { region: keys.shared, front: 'own' });
    expect(all.lastView(keys.own)).toMatchObject({ balancer: { id: 'own' }, pools: 1 });
  });

  test('is forgotten with its Network', async () => {
    const { all, look } = await looked();
    await look(placement);
    await look(region);
    all.forgetNetwork('chains/dev');
    expect([all.lastView(keys.own), all.lastView(keys.shared)]).toEqual([undefined, undefined]);
  });
});
