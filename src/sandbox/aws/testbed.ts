import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  EC2Client,
  type Instance,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { onTestFinished } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { type AwsSandboxOptions, startAwsSandbox } from './sandbox.ts';

/** A sandbox with standing time, the real SDK in front of it, and the few things every test wants to have. */
export async function openTestbed(options: AwsSandboxOptions = {}) {
  const clock = createFakeClock();
  const sandbox = await startAwsSandbox({ clock, throttle: 'off', ...options });
  onTestFinished(() => sandbox.stop());
  const clients = clientsOf(sandbox.url);
  const { ec2, elb } = clients;
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({ Filters: [{ Name: 'architecture', Values: ['x86_64'] }] }),
  );
  const subnetIds = Subnets.map((subnet) => subnet.SubnetId ?? '');
  const vpcId = Subnets[0]?.VpcId ?? '';
  const imageId = Images[0]?.ImageId ?? '';
  sandbox.resetCounters();

  const launch = (input: Partial<RunInstancesCommandInput> = {}) =>
    ec2.send(
      new RunInstancesCommand({
        ImageId: imageId,
        InstanceType: 't3.small',
        MinCount: 1,
        MaxCount: 1,
        ...input,
      }),
    );
  /** Ids of `count` machines that run. */
  const running = async (count: number, input: Partial<RunInstancesCommandInput> = {}): Promise<string[]> => {
    const ids = idsOf((await launch({ MaxCount: count, MinCount: count, ...input })).Instances);
    await clock.advance(5000);
    return ids;
  };
  const states = async (): Promise<string[]> => {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
    return Reservations.flatMap((each) => each.Instances ?? []).map((instance) => instance.State?.Name ?? '');
  };
  /** A balancer that is active, its listener on port 80, and a group behind it. */
  const balanced = async (type: 'network' | 'application' = 'network') => {
    const protocol = type === 'network' ? 'TCP' : 'HTTP';
    const { LoadBalancers } = await elb.send(
      new CreateLoadBalancerCommand({ Name: 'front', Type: type, Subnets: subnetIds }),
    );
    const { TargetGroups } = await elb.send(
      new CreateTargetGroupCommand({ Name: 'pool', Protocol: protocol, Port: 8545, VpcId: vpcId }),
    );
    const balancerArn = LoadBalancers?.[0]?.LoadBalancerArn ?? '';
    const groupArn = TargetGroups?.[0]?.TargetGroupArn ?? '';
    const { Listeners } = await elb.send(
      new CreateListenerCommand({
        LoadBalancerArn: balancerArn,
        Protocol: protocol,
        Port: 80,
        DefaultActions: [{ Type: 'forward', TargetGroupArn: groupArn }],
      }),
    );
    await clock.advance(3000);
    return { balancerArn, groupArn, listenerArn: Listeners?.[0]?.ListenerArn ?? '' };
  };
  const health = async (groupArn: string): Promise<string[]> => {
    const answer = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: groupArn }));
    return (answer.TargetHealthDescriptions ?? []).map((target) => target.TargetHealth?.State ?? '');
  };
  return { sandbox, clock, ...clients, subnetIds, vpcId, imageId, launch, running, states, balanced, health };
}

/** SDK clients that never try again by themselves, so that each call of a test is one call on the wire. */
export function clientsOf(url: string, accessKeyId = 'AKIASANDBOX') {
  const config = {
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey: 'unused' },
    maxAttempts: 1,
  };
  return {
    ec2: new EC2Client(config),
    elb: new ElasticLoadBalancingV2Client(config),
    sts: new STSClient(config),
    ssm: new SSMClient(config),
  };
}

export function idsOf(instances: readonly Instance[] | undefined): string[] {
  return (instances ?? []).map((instance) => instance.InstanceId ?? '');
}
