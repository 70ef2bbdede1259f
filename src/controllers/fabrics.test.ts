import { pino } from 'pino';
import { expect, test } from 'vitest';
import { CloudError, type FabricView, type Step } from '../clouds/cloud.ts';
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
