import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { api, getObject, listObjects } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { type Area, type Stage, startStage } from './stage.ts';

const parts = [
  'api/v1/namespaces/NAMESPACE/services',
  'api/v1/namespaces/NAMESPACE/configmaps',
  'apis/apps/v1/namespaces/NAMESPACE/deployments',
  'apis/policy/v1/namespaces/NAMESPACE/poddisruptionbudgets',
];
const partsOf = ({ namespace }: Area) =>
  Promise.all(parts.map((path) => getObject(`/${path.replace('NAMESPACE', namespace)}/dev-gateway`)));

/** Says of all Pods that they are ready, as the kubelet does, which this cluster has none of. Answers how many there are. */
async function readyPods({ namespace }: Area): Promise<number> {
  const pods = await listObjects(`/api/v1/namespaces/${namespace}/pods`);
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() };
  for (const { metadata } of pods) {
    await api(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/${metadata.name}/status`,
      { status: { phase: 'Running', conditions: [condition] } },
      'application/strategic-merge-patch+json',
    );
  }
  return pods.length;
}

describe('the gateway of a Network', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(['gateway', 'planned']);
  });
  afterAll(() => stage?.close());

  test('is part of its being Ready, is its first endpoint, and goes when it is no longer wished', async () => {
    const area = stage.area('gateway');
    await area.make({ gateway: { algorithm: 'Weighted' } });
    await area.until(
      ({ status }) =>
        status.conditions?.some(({ message }) => message.includes('the gateway has 0 of 2 Pods')),
      { what: 'a Network that waits for its gateway' },
    );
    await eventually(
      () => readyPods(area),
      (count) => count === 2,
    );
    const { status } = await area.untilReady(2);
    expect(status.endpoints?.[0]).toBe(`dev-gateway.${area.namespace}.svc:8545`);
    expect(status.endpoints?.[1]).toMatch(/amazonaws\.com:8545$/);
    expect(JSON.stringify(await partsOf(area))).toContain(`server first ${status.endpoints?.[1]}`);

    await area.change({ spec: { gateway: null } });
    await eventually(
      () => partsOf(area),
      (found) => found.every((part) => part === undefined),
    );
    const after = await area.until((network) => network.status.endpoints?.length === 1);
    expect(after.metadata.annotations ?? {}).not.toHaveProperty(['peerage.dev/gateway']);
  });

  test('is planned with all the rest', async () => {
    const area = stage.area('planned');
    await area.make({ gateway: {}, mode: 'Plan' });
    const { status } = await area.until((network) => network.status.plan !== undefined);
    expect(status.plan?.steps).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ verb: 'create', kind: 'Service', name: 'dev-gateway' }),
      ]),
    );
    expect(await partsOf(area)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
