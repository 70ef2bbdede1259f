/** Where the fabric's behaviour is tried: some AWS, time that only the test moves, and hands that are not ours. */
import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  EC2Client,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { createFabric } from '../../src/clouds/aws/fabric.ts';
import { createSdk } from '../../src/clouds/aws/sdk.ts';
import type { CallGate, FabricGoal, FabricWish, Owner } from '../../src/clouds/cloud.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { FakeClock } from '../../src/runtime/fake-clock.ts';

export const CLUSTER = '0f6c1d1e-9d2b-4a55-8a67-2f1f0a6f3c11';
export const REGION = 'us-east-1';
export const OWNER: Owner = { cluster: CLUSTER, network: 'chains/dev', placement: 'virginia' };

/** A cloud under test. */
export interface Ground {
  /** An account with nothing of ours in it. What of it takes time goes by the clock. */
  fresh(clock: Clock): Promise<{ readonly url: string }>;
  stop(): Promise<void>;
}

export type Stage = Awaited<ReturnType<typeof createStage>>;

export async function createStage(url: string, clock: FakeClock, region = REGION) {
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'any' };
  const config = { region, endpoint: url, credentials, maxAttempts: 1 };
  const calls: string[] = [];
  const gate: CallGate = (call, run) => {
    calls.push(call.api);
    return run(call.signal);
  };
  const sdk = await createSdk({ region, credentials: async () => credentials, gate });
  const open = () => createFabric({ sdk, cluster: CLUSTER, region, now: clock.now });
  const { signal } = new AbortController();
  const fabric = open();
  const ec2 = new EC2Client(config);
  const elb = new ElasticLoadBalancingV2Client(config);

  const observe = (goal: FabricGoal, maxAgeMs = 600_000, on = fabric) =>
    on.observe(goal.scope, { maxAgeMs, signal });

  /** Step by step as an operator does it: look, plan, run the first that can run. Answers what was run. */
  const carryOut = async (goal: FabricGoal, on = fabric): Promise<string[]> => {
    const done: string[] = [];
    for (;;) {
      const steps = on.plan(goal, await observe(goal, undefined, on));
      const next = steps.find((step) => step.waits === undefined);
      if (next === undefined) {
        if (steps.length > 0)
          throw new Error(`all steps wait: ${steps.map((step) => step.waits).join(', ')}`);
        return done;
      }
      if (done.length > 100) throw new Error(`no end to it: ${done.join('\n')}`);
      await on.run(next, signal);
      done.push(titleOf(next));
    }
  };

  return {
    clock,
    fabric,
    /** As after a restart: nothing is known. */
    open,
    ec2,
    elb,
    observe,
    carryOut,
    /** Names of the calls since the last time. */
    takeCalls: (): string[] => calls.splice(0),
    /** Reads everything anew, and answers the steps that are left. */
    left: async (goal: FabricGoal): Promise<string[]> =>
      fabric.plan(goal, await observe(goal, 0)).map(titleOf),
    run: (step: Parameters<typeof fabric.run>[0]) => fabric.run(step, signal),
    owners: () => fabric.owners(signal),
    launch: async (count: number, firewalls: readonly string[], subnetId: string): Promise<string[]> => {
      const { Images } = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'] }));
      const { Instances } = await ec2.send(
        new RunInstancesCommand({
          ImageId: Images?.[0]?.ImageId,
          InstanceType: 't3.small',
          MinCount: count,
          MaxCount: count,
          SecurityGroupIds: [...firewalls],
          SubnetId: subnetId,
        }),
      );
      return (Instances ?? []).map((instance) => instance.InstanceId ?? '').sort();
    },
    /** A VPC beside the default one, with one subnet. */
    secondVpc: async (tags: Readonly<Record<string, string>> = {}) => {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      const tagged = (ResourceType: 'vpc' | 'subnet') => (Tags.length === 0 ? [] : [{ ResourceType, Tags }]);
      const { Vpc } = await ec2.send(
        new CreateVpcCommand({ CidrBlock: '10.9.0.0/16', TagSpecifications: tagged('vpc') }),
      );
      const { Subnet } = await ec2.send(
        new CreateSubnetCommand({
          VpcId: Vpc?.VpcId,
          CidrBlock: '10.9.0.0/20',
          AvailabilityZone: `${region}a`,
          TagSpecifications: tagged('subnet'),
        }),
      );
      return { vpcId: Vpc?.VpcId ?? '', subnetId: Subnet?.SubnetId ?? '' };
    },
    close: () => {
      sdk.close();
      ec2.destroy();
      elb.destroy();
    },
  };
}

export const titleOf = (step: { verb: string; kind: string; name: string; because: string }): string =>
  `${step.verb} ${step.kind} ${step.name}: ${step.because}`;

export const balancerWish: NonNullable<FabricWish['balancer']> = {
  type: 'Network',
  ports: [{ port: 8545, targetPort: 8545, protocol: 'TCP' }],
  internal: false,
  crossZone: false,
  sourceRanges: ['0.0.0.0/0'],
  health: { protocol: 'HTTP', port: 8545, path: '/', status: 200, intervalSeconds: 10 },
  drainSeconds: 30,
  members: [],
};

export function wishFor(change: Partial<FabricWish> = {}): FabricWish {
  return {
    scope: { owner: OWNER, spec: {} },
    balancer: balancerWish,
    ingress: [
      { protocol: 'TCP', ports: { from: 30303, to: 30303 }, cidrs: ['0.0.0.0/0'] },
      { protocol: 'UDP', ports: { from: 30303, to: 30303 }, cidrs: ['0.0.0.0/0', '2001:DB8::1/32'] },
    ],
    ...change,
  };
}

/** A wish without `balancer`. */
export function withoutBalancer(wish: FabricWish): FabricWish {
  const { balancer: _, ...rest } = wish;
  return rest;
}
