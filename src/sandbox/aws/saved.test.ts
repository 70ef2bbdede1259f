import { RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import { savedRegion } from './saved.ts';
import { openTestbed } from './testbed.ts';

const region = 'us-east-1';

test('a region goes on elsewhere as it was saved, and gives out no id twice', async () => {
  const first = await openTestbed();
  const { groupArn } = await first.balanced();
  const machines = await first.running(2);
  await first.elb.send(
    new RegisterTargetsCommand({ TargetGroupArn: groupArn, Targets: machines.map((Id) => ({ Id })) }),
  );
  await first.clock.advance(5_000);
  const text = JSON.stringify(first.sandbox.save(region));

  const second = await openTestbed();
  await second.clock.advance(first.clock.now() - second.clock.now());
  second.sandbox.restore(region, savedRegion.parse(JSON.parse(text)));

  const saved = JSON.stringify(first.sandbox.state(region));
  expect(JSON.parse(JSON.stringify(second.sandbox.state(region)))).toEqual(JSON.parse(saved));
  expect(await second.states()).toEqual(['running', 'running']);
  expect(await second.health(groupArn)).toEqual(['healthy', 'healthy']);
  const [added = 'none'] = await second.running(1, { SubnetId: second.sandbox.state(region).subnets[0]?.id });
  expect(saved).not.toContain(added);
});
