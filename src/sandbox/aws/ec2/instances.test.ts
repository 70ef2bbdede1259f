import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeTagsCommand,
  ModifyInstanceAttributeCommand,
  paginateDescribeInstances,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { idsOf, openTestbed } from '../testbed.ts';

test('a machine goes from pending to running to shutting-down to terminated to forgotten', async () => {
  const { launch, states, clock, ec2 } = await openTestbed();
  const ids = idsOf((await launch()).Instances);
  expect(await states()).toEqual(['pending']);
  await clock.advance(5000);
  expect(await states()).toEqual(['running']);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  expect(await states()).toEqual(['shutting-down']);
  await clock.advance(5000);
  expect(await states()).toEqual(['terminated']);
  await clock.advance(3_600_000);
  expect(await states()).toEqual([]);
});

test('pages hold every machine once, and split a launch where they must', async () => {
  const { launch, ec2 } = await openTestbed();
  const launched = [
    ...idsOf((await launch({ MaxCount: 7 })).Instances),
    ...idsOf((await launch({ MaxCount: 5 })).Instances),
  ];
  const pages: string[][] = [];
  for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, {})) {
    pages.push((page.Reservations ?? []).flatMap((each) => idsOf(each.Instances)));
  }
  expect(pages.map((page) => page.length)).toEqual([5, 5, 2]);
  expect(pages.flat()).toEqual(launched);
});

test('filters narrow by tag, state, token and wildcard, all at once', async () => {
  const { launch, ec2, clock } = await openTestbed();
  const tagged = (value: string) => ({
    TagSpecifications: [{ ResourceType: 'instance' as const, Tags: [{ Key: 'cluster', Value: value }] }],
  });
  const mine = idsOf((await launch({ ...tagged('mine-1'), ClientToken: 'a' })).Instances);
  await launch(tagged('other'));
  await clock.advance(5000);
  await launch(tagged('mine-2'));
  const found = async (Name: string, ...Values: string[]) => {
    const { Reservations = [] } = await ec2.send(
      new DescribeInstancesCommand({
        Filters: [
          { Name: 'instance-state-name', Values: ['running'] },
          { Name, Values },
        ],
      }),
    );
    return Reservations.flatMap((each) => idsOf(each.Instances));
  };
  expect(await found('tag:cluster', 'mine-*')).toEqual(mine);
  expect(await found('client-token', 'a')).toEqual(mine);
  expect(await found('tag-key', 'cluster')).toHaveLength(2);
  expect(await found('tag:cluster', 'mine-2')).toEqual([]);
  await expect(found('no-such-filter', 'x')).rejects.toMatchObject({ name: 'InvalidParameterValue' });
});

test('ids and a page size do not go together', async () => {
  const { running, ec2 } = await openTestbed();
  const ids = await running(1);
  const call = ec2.send(new DescribeInstancesCommand({ InstanceIds: ids, MaxResults: 5 }));
  await expect(call).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
});

test('one unknown id refuses the whole termination', async () => {
  const { running, states, ec2 } = await openTestbed();
  const ids = await running(2);
  const call = ec2.send(new TerminateInstancesCommand({ InstanceIds: [...ids, 'i-00000000000000000'] }));
  await expect(call).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
  expect(await states()).toEqual(['running', 'running']);
});

test('a protected machine is not terminated, nor what is named beside it', async () => {
  const { running, states, ec2 } = await openTestbed();
  const ids = await running(2);
  await ec2.send(
    new ModifyInstanceAttributeCommand({ InstanceId: ids[0], DisableApiTermination: { Value: true } }),
  );
  const call = ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  await expect(call).rejects.toMatchObject({ name: 'OperationNotPermitted' });
  expect(await states()).toEqual(['running', 'running']);
});

test('terminating again changes nothing and says so', async () => {
  const { running, ec2 } = await openTestbed();
  const ids = await running(1);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  const { TerminatingInstances } = await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  expect(TerminatingInstances?.[0]).toMatchObject({
    CurrentState: { Name: 'shutting-down' },
    PreviousState: { Name: 'shutting-down' },
  });
});

test('with read lag a young machine is in no list and unknown by id, but writes find it', async () => {
  const { launch, states, clock, sandbox, ec2 } = await openTestbed();
  sandbox.set({ readLagMs: 60_000 });
  const ids = idsOf((await launch()).Instances);
  await clock.advance(59_999);
  expect(await states()).toEqual([]);
  await expect(ec2.send(new DescribeInstancesCommand({ InstanceIds: ids }))).rejects.toMatchObject({
    name: 'InvalidInstanceID.NotFound',
  });
  await clock.advance(1);
  expect(await states()).toEqual(['pending']);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  expect(await states()).toEqual(['pending']);
  await clock.advance(60_000);
  expect(await states()).toEqual(['shutting-down']);
});

test('tags can be put on, changed and taken off afterwards, on disks too', async () => {
  const { running, ec2, sandbox } = await openTestbed();
  const ids = await running(1);
  const volumeId = sandbox.state('us-east-1').instances[0]?.volumes[0]?.id ?? '';
  const Resources = [...ids, volumeId];
  const tags = async () => {
    const { Tags = [] } = await ec2.send(
      new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: Resources }] }),
    );
    return Tags.map((tag) => `${tag.ResourceType} ${tag.Key}=${tag.Value}`);
  };
  await ec2.send(new CreateTagsCommand({ Resources, Tags: [{ Key: 'a', Value: '1' }] }));
  expect(await tags()).toEqual(['instance a=1', 'volume a=1']);
  expect(sandbox.ownedResources('a').map((resource) => resource.type)).toEqual(['instance', 'volume']);
  await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'a', Value: 'other' }] }));
  expect(await tags()).toEqual(['instance a=1', 'volume a=1']);
  await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'a' }] }));
  expect(await tags()).toEqual([]);
});

test('one unknown resource refuses all tags', async () => {
  const { running, ec2, sandbox } = await openTestbed();
  const ids = await running(1);
  const call = new CreateTagsCommand({
    Resources: [...ids, 'i-00000000000000000'],
    Tags: [{ Key: 'a', Value: '1' }],
  });
  await expect(ec2.send(call)).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
  expect(sandbox.ownedResources('a')).toEqual([]);
});

test('a machine that fails to start shows the reason', async () => {
  const { launch, ec2, sandbox } = await openTestbed();
  const ids = idsOf((await launch()).Instances);
  const reason = { code: 'Client.VolumeLimitExceeded', message: 'Volume limit exceeded' };
  sandbox.behindTheBack.terminateInstance('us-east-1', ids[0] ?? '', reason);
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: ids }));
  expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
    State: { Name: 'shutting-down' },
    StateReason: { Code: reason.code, Message: reason.message },
  });
});

test('status lists running machines only, unless all are asked for', async () => {
  const { running, launch, ec2 } = await openTestbed();
  const ids = await running(1);
  await launch();
  const listed = await ec2.send(new DescribeInstanceStatusCommand({}));
  expect(listed.InstanceStatuses?.map((status) => status.InstanceId)).toEqual(ids);
  const all = await ec2.send(new DescribeInstanceStatusCommand({ IncludeAllInstances: true }));
  expect(all.InstanceStatuses).toHaveLength(2);
});
