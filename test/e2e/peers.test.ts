/** Nodes that find each other, on the real API server. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { deleteObject, getObject } from '../support/api.ts';
import { auditPosition, by, isWrite, readAudit } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { type Area, client, placementIn, type Stage, startStage, stays } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage(['peered', 'placements', 'leaving']);
});
afterAll(() => stage?.close());

const peered = {
  client: { ...client, args: ['--connect=$(BOOTNODES)', '--name=$(NODE_NAME)'] },
  peering: { address: { template: '$(ADDRESS):$(PORT_p2p)' } },
};

const configPath = ({ namespace }: Area, name = 'dev-peers') =>
  `/api/v1/namespaces/${namespace}/configmaps/${name}`;
async function config(area: Area): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await getObject(configPath(area));
  return found && z.object({ data: z.record(z.string(), z.string()) }).parse(found).data;
}
const bootTexts = (area: Area) =>
  area.machines().map(({ userData = '' }) => Buffer.from(userData, 'base64').toString());

test('the boot node is launched alone, and the others read its address in their user data', async () => {
  const area = stage.area('peered');
  await area.make({ ...peered, placements: [placementIn(area.region, { replicas: 3 })] });
  const { status } = await area.untilReady(3);
  const [boot] = status.peers ?? [];
  expect(boot).toMatchObject({ bootnode: true, inside: expect.stringMatching(/^10\.|^172\./) });
  const launches = area.writes().filter(({ action }) => action === 'RunInstances');
  expect(launches[0]?.params).toContain('MaxCount=1 ');
  const told = bootTexts(area).map((text) => /--connect=([^' ]*)/.exec(text)?.[1]);
  expect(told.toSorted()).toEqual(['', boot?.inside, boot?.inside]);
  expect((await config(area))?.['bootnodes.first']).toBe(boot?.inside);
});

test('a look that finds the list as it was writes it nowhere', async () => {
  const area = stage.area('peered');
  await area.untilReady(3);
  const { auditLogPath } = inject('controlPlane');
  const position = await auditPosition(auditLogPath);
  const writes = async () =>
    (await readAudit(auditLogPath, position))
      .filter(by({ namespace: area.namespace }))
      .filter((event) => isWrite(event) && event.objectRef?.resource === 'configmaps');
  await area.hurry();
  await stays(writes, (found) => found.length === 0, 3_000);
});

test('a placement takes its part of the ConfigMap along, and the end of peering the rest', async () => {
  const area = stage.area('placements');
  const [first, second] = ['first', 'second'].map((name) => placementIn(area.region, { name, replicas: 1 }));
  await area.make({ ...peered, placements: [first, second] });
  await area.untilReady(2);
  expect(Object.keys((await config(area)) ?? {}).toSorted()).toEqual([
    'bootnodes',
    'bootnodes.first',
    'bootnodes.second',
    'peers',
    'peers.first',
    'peers.json',
    'peers.second',
  ]);
  await area.change({ spec: { placements: [first] } });
  await eventually(
    () => config(area),
    (data) => expect(Object.keys(data ?? {})).not.toContain('peers.second'),
  );
  await area.change({ spec: { peering: null } });
  await eventually(
    () => config(area),
    (data) => data === undefined,
  );
  await area.until(({ status }) => status.peers === undefined);
});

test('a namespace that is deleted takes a peered Network along', async () => {
  const area = stage.area('leaving');
  await area.make({ ...peered, placements: [placementIn(area.region, { replicas: 2 })] });
  await area.untilReady(2);
  await deleteObject(`/api/v1/namespaces/${area.namespace}`);
  await area.untilGone();
  expect(area.owned()).toEqual([]);
});
