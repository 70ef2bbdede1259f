/**
 * An upgrade replaces nothing. `upgrade.json` is what a version of the operator left behind: objects with their
 * annotations, labels and status, and the cloud around them. The present version takes it over and finds nothing to do.
 *
 * Recorded anew it proves less, since then only one version is at work. So it is recorded for a release, and when a
 * change is meant to be seen by what stands:
 *
 *     PEERAGE_TEST_RECORD=true npm test -- test/e2e/upgrade && npm run format
 */
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { TAGS } from '../../src/clouds/cloud.ts';
import { deleteObject, patchObject } from '../support/api.ts';
import { auditPosition, by, isWrite, readAudit } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { stays } from './stage.ts';
import {
  makeObjects,
  namespace,
  openStage,
  pathOf,
  putBack,
  record,
  regions,
  takeAway,
  type UpgradeStage,
  versionsNow,
} from './upgrade-stage.ts';

const isRecording = process.env.PEERAGE_TEST_RECORD === 'true';

let stage: UpgradeStage;

beforeAll(async () => {
  stage = await openStage({ recording: isRecording });
});
afterAll(async () => {
  await deleteObject(`/api/v1/namespaces/${namespace}`);
  await stage?.stop();
});

if (isRecording) test('the present version leaves it behind', leavesBehind);
else test('an operator takes over what an earlier version left, and has nothing to do', takesOver);

async function takesOver(): Promise<void> {
  await putBack(stage.sandbox);
  const before = await versionsNow();
  const position = await auditPosition(inject('controlPlane').auditLogPath);
  const written = async () => [
    ...stage.deeds.map(({ region, action, params }) => `${region} ${action} ${params}`),
    ...(await readAudit(inject('controlPlane').auditLogPath, position))
      .filter(by({ user: stage.user }))
      .filter(isWrite)
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`),
  ];

  const operator = await stage.start();
  onTestFinished(() => operator.stop());
  await eventually(
    async () => stage.sandbox.log,
    (log) =>
      regions.every((region) => log.some((call) => call.region === region && call.action === 'DescribeTags')),
    { what: 'a look at everything' },
  );
  await stays(written, (calls) => calls.length === 0, 8_000);
  expect(await versionsNow()).toEqual(before);
  const passes = passesOf(await operator.metrics());
  expect(passes).toMatchObject({ network: expect.any(Number), node: expect.any(Number) });

  // And when somebody makes it look at all of the cloud anew.
  const looks = () => stage.sandbox.log.filter(({ action }) => action === 'DescribeTargetHealth').length;
  const looked = looks();
  await patchObject(pathOf('networks', 'dev'), {
    metadata: { annotations: { 'peerage.dev/reconcile': 'now' } },
  });
  await eventually(
    async () => looks(),
    (now) => now >= looked + regions.length,
    { what: 'another look' },
  );
  await stays(written, (calls) => calls.length === 0, 3_000);

  await takeAway();
  expect(stage.sandbox.ownedResources(TAGS.cluster)).toEqual([]);
}

async function leavesBehind(): Promise<void> {
  const operator = await stage.start();
  onTestFinished(() => operator.stop());
  await makeObjects();
  await kubectl(['wait', '--for=condition=Ready', '--timeout=60s', 'pnet/dev', 'pnode/lone'], { namespace });
  await operator.stop();
  await record(stage.sandbox, packageJson.version);
  const cleaner = await stage.start();
  onTestFinished(() => cleaner.stop());
  await takeAway();
}

/** Passes without an error, by controller. */
function passesOf(metrics: string): Readonly<Record<string, number>> {
  const line = /^controller_runtime_reconcile_total\{controller="(\w+)",result="(?!error)\w+"\} (\d+)$/gm;
  return Object.fromEntries(
    Array.from(metrics.matchAll(line), ([, controller = '', count]) => [controller, Number(count)]),
  );
}
