import { expect, onTestFinished, test } from 'vitest';
import { createKiller } from './exactly-once-kills.ts';
import { expectOneMachinePerNode, leftOvers, placementsWith, setStage } from './exactly-once-stage.ts';

test('an operator killed 20 times with a record or a call open makes one machine per Node, and leaves none', async () => {
  const killer = createKiller();
  const stage = await setStage(killer.gate);
  onTestFinished(() => killer.stop());

  killer.arm([
    { call: 'CreateSecurityGroup', moment: 'before' },
    { call: 'AuthorizeSecurityGroupIngress', moment: 'after' },
    { call: 'CreateTargetGroup', moment: 'after' },
    { call: 'CreateLoadBalancer', moment: 'after' },
    { record: 'member', moment: 'after' },
    { record: 'head', moment: 'before' },
    { record: 'head', moment: 'after' },
    { call: 'RunInstances', moment: 'before' },
    { call: 'RunInstances', moment: 'late' },
    { call: 'RegisterTargets', moment: 'before' },
  ]);
  await stage.apply(12);
  await killer.start(stage);
  await stage.untilReady(12);
  expect(killer.armed()).toEqual([]);
  await expectOneMachinePerNode(stage, 12);

  killer.arm([
    { record: 'member', moment: 'before' },
    { call: 'RunInstances', moment: 'after' },
  ]);
  await stage.change(placementsWith(16), 16);
  expect(killer.armed()).toEqual([]);
  await expectOneMachinePerNode(stage, 16);

  killer.arm([
    { call: 'DeregisterTargets', moment: 'after' },
    { call: 'TerminateInstances', moment: 'before' },
  ]);
  await stage.change(placementsWith(2), 2);
  expect(killer.armed()).toEqual([]);
  await expectOneMachinePerNode(stage, 2);

  killer.arm([
    { record: 'head', moment: 'after' },
    { call: 'TerminateInstances', moment: 'late' },
  ]);
  await stage.change({ client: { env: [{ name: 'CHAIN_ID', value: '7' }] } }, 2);
  expect(killer.armed()).toEqual([]);
  await expectOneMachinePerNode(stage, 2);

  killer.arm([
    { call: 'TerminateInstances', moment: 'after' },
    { call: 'DeleteLoadBalancer', moment: 'before' },
    { call: 'DeleteTargetGroup', moment: 'after' },
    { call: 'DeleteSecurityGroup', moment: 'after' },
  ]);
  await stage.removeAll();
  expect(killer.armed()).toEqual([]);
  expect(killer.underWay()).toEqual([]);

  expect(leftOvers(stage)).toEqual([]);
  expect(await stage.nodes()).toEqual([]);
  expect(killer.kills).toHaveLength(20);
  expect(killer.kills.filter(({ wasAlive, wasOpen }) => !wasAlive || !wasOpen)).toEqual([]);
  expect(new Set(killer.kills.map(({ pid }) => pid)).size).toBe(20);
  expect(stage.mostMachinesOfANode()).toBe(1);
}, 480_000);
