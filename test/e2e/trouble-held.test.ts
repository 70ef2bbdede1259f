/** What fails is said where users look, waits for its time, and is tried at once when somebody asks. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_VERSION } from '../../src/api/common.ts';
import { createObject, listObjects, patchObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import {
  type Area,
  client,
  conditionOf,
  isReady,
  placementIn,
  type Stage,
  startStage,
  stays,
} from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage(['unreadable', 'woken', 'revoked', 'rotated']);
});
afterAll(() => stage?.close());

const one = (area: Area) => ({ placements: [placementIn(area.region, { replicas: 1 })] });

async function ask(path: string): Promise<void> {
  const annotations = { 'peerage.dev/reconcile': String(process.hrtime.bigint()) };
  await patchObject(path, { metadata: { annotations } });
}

test.concurrent('a Node that the operator cannot read says so once, and goes on when it is mended', async () => {
  const area = stage.area('unreadable');
  const path = area.pathOf('nodes', 'lone');
  await createObject(area.pathOf('nodes'), {
    apiVersion: API_VERSION,
    kind: 'Node',
    metadata: { name: 'lone', annotations: { 'peerage.dev/launch': 'not what the operator writes' } },
    spec: {
      credentialRef: { name: 'aws' },
      client,
      aws: { region: area.region, instanceType: 't3.small' },
    },
  });
  const node = async () => (await area.nodes())[0];
  const told = await eventually(node, (found) =>
    expect(found && conditionOf(found, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Invalid',
      message: expect.stringMatching(/^metadata\.annotations\[peerage\.dev\/launch\]: /),
    }),
  );
  expect(told && conditionOf(told, 'Stalled')).toMatchObject({ status: 'True', reason: 'Invalid' });
  await stays(node, (found) => found?.metadata.resourceVersion === told?.metadata.resourceVersion, 5_000);
  await patchObject(path, { metadata: { annotations: { 'peerage.dev/launch': null } } });
  await eventually(node, (found) => found !== undefined && isReady(found));
});

test.concurrent('what a cloud refuses is not tried more often because Nodes change', async () => {
  const area = stage.area('woken');
  const certificateArn = `arn:aws:acm:${area.region}:123456789012:certificate/nowhere`;
  const ports = [{ port: 443, targetPort: 'rpc', protocol: 'TLS', certificateArn }];
  await area.make(one(area));
  await area.untilReady(1);
  await area.change({ spec: { balancer: { type: 'Network', ports, drainSeconds: 1 } } });
  const tries = () => area.calls().filter(({ action }) => action === 'CreateListener').length;
  await area.until((network) => conditionOf(network, 'Stalled')?.reason === 'NotFound');
  const before = tries();
  const [node] = await listObjects(area.pathOf('nodes'));
  const touched = area.pathOf('nodes', node?.metadata.name);
  await stays(
    async () => {
      await patchObject(touched, { metadata: { annotations: { touched: String(Date.now()) } } });
      return tries();
    },
    (now) => now === before,
    // The first wait is 10 s, and part of it has passed.
    4_000,
  );
  stage.sandbox.set({ certificates: [certificateArn] });
  await area.hurry();
  await area.untilReady(1);
});

test.concurrent('keys that were revoked show on their CloudCredential when somebody asks', async () => {
  const area = stage.area('revoked');
  const says = (status: string, reason: string) =>
    eventually(
      () => area.credentialNow(),
      (found) => expect(found && conditionOf(found, 'Ready')).toMatchObject({ status, reason }),
      { withinMs: 10_000 },
    );
  await says('True', 'Verified');
  stage.sandbox.identities.forbidKey(area.accessKeyId);
  await ask(area.pathOf('cloudcredentials', 'aws'));
  await says('False', 'Unauthorized');
  stage.sandbox.identities.allowKey(area.accessKeyId, '123456789012');
  await ask(area.pathOf('cloudcredentials', 'aws'));
  await says('True', 'Verified');
});

test.concurrent('a Secret that was read a moment ago is read again when somebody asks', async () => {
  const area = stage.area('rotated');
  stage.sandbox.identities.forbidKey(area.accessKeyId);
  await area.make(one(area));
  await area.until((network) => conditionOf(network, 'Stalled')?.reason === 'Unauthorized');
  await patchObject(area.secretPath('aws-keys'), { stringData: { aws_access_key_id: 'AKIANEWER' } });
  await area.hurry();
  await area.until((network) => conditionOf(network, 'Stalled') === undefined, { withinMs: 10_000 });
  await area.untilReady(1);
});
