import { expect, test } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { createThrottle } from './buckets.ts';
import type { ApiName } from './call.ts';
import { parseForm } from './query.ts';

function openBuckets() {
  const clock = createFakeClock();
  const throttle = createThrottle(clock);
  const call = (api: ApiName, action: string, form = '', region = 'us-east-1') =>
    throttle({ account: '1', region, api, action, params: parseForm(form) });
  /** How many calls pass before the first that does not. */
  const passing = (api: ApiName, action: string, form = ''): number => {
    for (let passed = 0; passed < 10_000; passed++) if (call(api, action, form) !== undefined) return passed;
    return Number.POSITIVE_INFINITY;
  };
  return { clock, call, passing };
}

test.each([
  ['ec2', 'DescribeInstances', 'MaxResults=1000', 100],
  ['ec2', 'DescribeInstances', 'InstanceId.1=i-1', 100],
  ['ec2', 'DescribeInstances', '', 50],
  ['ec2', 'RunInstances', 'MaxCount=1', 5],
  ['ec2', 'RunInstances', 'MaxCount=400', 2],
  ['ec2', 'TerminateInstances', 'InstanceId.1=i-1', 100],
  ['ec2', 'CreateTags', '', 100],
  ['ec2', 'CreateSecurityGroup', '', 50],
  ['elasticloadbalancing', 'DescribeTargetHealth', '', 40],
  ['elasticloadbalancing', 'CreateListener', '', 20],
  ['elasticloadbalancing', 'RegisterTargets', '', 20],
  ['elasticloadbalancing', 'CreateLoadBalancer', '', 10],
  ['sts', 'GetCallerIdentity', '', Number.POSITIVE_INFINITY],
] as const)('%s %s (%s) passes %d times at once', (api, action, form, count) => {
  expect(openBuckets().passing(api, action, form)).toBe(count);
});

test.each([
  ['ec2', 'DescribeInstances', 'MaxResults=1000', 20],
  ['ec2', 'DescribeInstances', '', 10],
  ['ec2', 'RunInstances', 'MaxCount=1', 2],
  ['ec2', 'TerminateInstances', 'InstanceId.1=i-1', 5],
  ['ec2', 'CreateTags', '', 10],
  ['ec2', 'CreateSecurityGroup', '', 5],
  ['elasticloadbalancing', 'DescribeTargetHealth', '', 10],
  ['elasticloadbalancing', 'CreateListener', '', 3],
  ['elasticloadbalancing', 'DeregisterTargets', '', 4],
] as const)('%s %s (%s) passes %d times a second after that', async (api, action, form, count) => {
  const { clock, passing } = openBuckets();
  passing(api, action, form);
  await clock.advance(1000);
  expect(passing(api, action, form)).toBe(count);
});

test('machines have a bucket of their own: a thousand at once, then two a second', async () => {
  const { clock, call } = openBuckets();
  expect(call('ec2', 'RunInstances', 'MaxCount=1000')).toBeUndefined();
  expect(call('ec2', 'RunInstances', 'MaxCount=2')).toBeDefined();
  await clock.advance(1000);
  expect(call('ec2', 'RunInstances', 'MaxCount=3')).toBeDefined();
  expect(call('ec2', 'RunInstances', 'MaxCount=2')).toBeUndefined();
});

test('a refused call takes nothing from any bucket', async () => {
  const { clock, call, passing } = openBuckets();
  call('ec2', 'RunInstances', 'MaxCount=1000');
  for (let count = 0; count < 10; count++) call('ec2', 'RunInstances', 'MaxCount=500');
  await clock.advance(2000);
  expect(passing('ec2', 'RunInstances', 'MaxCount=1')).toBe(4);
});

test('EC2 actions do not share a bucket, ELBv2 calls do, regions never', () => {
  const { call, passing } = openBuckets();
  passing('ec2', 'DescribeVpcs', 'MaxResults=5');
  expect(call('ec2', 'DescribeSubnets', 'MaxResults=5')).toBeUndefined();
  passing('elasticloadbalancing', 'DescribeTags');
  expect(call('elasticloadbalancing', 'CreateListener')).toBeDefined();
  expect(call('elasticloadbalancing', 'CreateListener', '', 'eu-west-1')).toBeUndefined();
});

test('each API refuses in its own words', () => {
  const { call, passing } = openBuckets();
  passing('ec2', 'CreateVpc');
  passing('elasticloadbalancing', 'DescribeTags');
  expect(call('ec2', 'CreateVpc')).toMatchObject({ code: 'RequestLimitExceeded', status: 503 });
  expect(call('elasticloadbalancing', 'DescribeTags')).toMatchObject({ code: 'Throttling', status: 400 });
});
