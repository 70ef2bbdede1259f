import { afterEach, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
afterEach(() => stage?.close());

test('SIGTERM ends the operator inside 10 seconds with a launch still open, which the next one finishes', async () => {
  stage = await startStage(['stop']);
  const area = stage.area('stop');
  const held = Promise.withResolvers<void>();
  const fault = stage.sandbox.faults.add({ action: 'RunInstances', times: 1, onCall: () => held.promise });
  onTestFinished(() => held.resolve());
  await area.make();
  await eventually(
    async () => fault.hits,
    (hits) => hits === 1,
    { what: 'a launch' },
  );
  const startedAt = performance.now();
  await stage.operator.stop();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  held.resolve();
  const next = await stage.start();
  onTestFinished(() => next.stop());
  await area.untilReady(2);
  expect(area.machines()).toHaveLength(2);
});
