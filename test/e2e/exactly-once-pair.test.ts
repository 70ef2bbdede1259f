import { expect, onTestFinished, test } from 'vitest';
import { expectOneMachinePerNode, leftOvers, placementsWith, setStage } from './exactly-once-stage.ts';

test('two operators at once without leader election make one machine per Node, and leave none', async () => {
  const stage = await setStage(async (_, forward) => {
    await forward();
    return 'answered';
  });
  const operators = await Promise.all([stage.startOperator(), stage.startOperator()]);
  onTestFinished(async () => {
    await Promise.all(operators.map((operator) => operator.stop()));
  });

  await stage.apply(8);
  await stage.untilReady(8);
  await expectOneMachinePerNode(stage, 8);

  await stage.change(placementsWith(14), 14);
  await expectOneMachinePerNode(stage, 14);

  await stage.change(placementsWith(3), 3);
  await expectOneMachinePerNode(stage, 3);

  await stage.removeAll();
  expect(leftOvers(stage)).toEqual([]);
  expect(await stage.nodes()).toEqual([]);
  expect(stage.mostMachinesOfANode()).toBe(1);
}, 480_000);
