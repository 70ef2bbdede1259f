/**
 * Every AWS call in use, whether it changes something, and the published request limits it draws on.
 *
 * EC2 counts each action by itself: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
 * (all our Describe calls are filtered or paged, which is the larger of the two published buckets).
 * ELBv2 counts by category: https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html
 * Systems Manager: https://docs.aws.amazon.com/general/latest/gr/ssm.html (GetParameter: 40 a second). STS allows
 * hundreds a second, more than anything here could ask for.
 */
import type { Cloud, GatedCall } from '../cloud.ts';

/** What a call costs. `machines`: it draws on a second bucket by the number of machines it names. */
interface Cost {
  readonly write: boolean;
  readonly budgets: readonly string[];
  readonly machines?: string;
}

const elbRead: Cost = { write: false, budgets: ['ELB/all', 'ELB/describe'] };
const elbWrite: Cost = { write: true, budgets: ['ELB/all', 'ELB/mutating'] };
const elbTargets: Cost = { write: true, budgets: ['ELB/all', 'ELB/registration'] };
const elbCostly: Cost = { write: true, budgets: ['ELB/all', 'ELB/costly'] };

const CALLS = {
  RunInstances: { write: true, budgets: ['RunInstances'], machines: 'RunInstances/machines' },
  TerminateInstances: {
    write: true,
    budgets: ['TerminateInstances'],
    machines: 'TerminateInstances/machines',
  },
  DescribeInstances: ec2Read('DescribeInstances'),
  DescribeInstanceTypes: ec2Read('DescribeInstanceTypes'),
  DescribeImages: ec2Read('DescribeImages'),
  DescribeVpcs: ec2Read('DescribeVpcs'),
  DescribeSubnets: ec2Read('DescribeSubnets'),
  DescribeSecurityGroups: ec2Read('DescribeSecurityGroups'),
  CreateSecurityGroup: ec2Write('CreateSecurityGroup'),
  DeleteSecurityGroup: ec2Write('DeleteSecurityGroup'),
  AuthorizeSecurityGroupIngress: ec2Write('AuthorizeSecurityGroupIngress'),
  AuthorizeSecurityGroupEgress: ec2Write('AuthorizeSecurityGroupEgress'),
  RevokeSecurityGroupIngress: ec2Write('RevokeSecurityGroupIngress'),
  RevokeSecurityGroupEgress: ec2Write('RevokeSecurityGroupEgress'),
  CreateTags: ec2Write('CreateTags'),
  DeleteTags: ec2Write('DeleteTags'),

  DescribeLoadBalancers: elbRead,
  DescribeLoadBalancerAttributes: elbRead,
  DescribeTargetGroups: elbRead,
  DescribeTargetGroupAttributes: elbRead,
  DescribeListeners: elbRead,
  DescribeTargetHealth: elbRead,
  DescribeTags: elbRead,
  CreateLoadBalancer: elbCostly,
  SetSubnets: elbCostly,
  SetSecurityGroups: elbWrite,
  ModifyLoadBalancerAttributes: elbWrite,
  DeleteLoadBalancer: elbWrite,
  CreateTargetGroup: elbWrite,
  ModifyTargetGroup: elbWrite,
  ModifyTargetGroupAttributes: elbWrite,
  DeleteTargetGroup: elbWrite,
  CreateListener: elbWrite,
  ModifyListener: elbWrite,
  DeleteListener: elbWrite,
  AddTags: elbWrite,
  RemoveTags: elbWrite,
  RegisterTargets: elbTargets,
  DeregisterTargets: elbTargets,

  GetParameter: { write: false, budgets: ['GetParameter'] },
  GetCallerIdentity: { write: false, budgets: [] },
  AssumeRole: { write: false, budgets: [] },
} as const satisfies Record<string, Cost>;

export type Api = keyof typeof CALLS;

const ec2Describe = { burst: 100, perSecond: 20 };
const ec2Mutate = { burst: 50, perSecond: 5 };

/** Buckets per account and region; `perSecond` is the refill. */
export const LIMITS: Cloud['limits'] = {
  RunInstances: { burst: 5, perSecond: 2 },
  'RunInstances/machines': { burst: 1000, perSecond: 2 },
  TerminateInstances: { burst: 100, perSecond: 5 },
  'TerminateInstances/machines': { burst: 1000, perSecond: 20 },
  DescribeInstances: ec2Describe,
  DescribeInstanceTypes: ec2Describe,
  DescribeImages: ec2Describe,
  DescribeVpcs: ec2Describe,
  DescribeSubnets: ec2Describe,
  DescribeSecurityGroups: ec2Describe,
  CreateSecurityGroup: ec2Mutate,
  DeleteSecurityGroup: ec2Mutate,
  AuthorizeSecurityGroupIngress: ec2Mutate,
  AuthorizeSecurityGroupEgress: ec2Mutate,
  RevokeSecurityGroupIngress: ec2Mutate,
  RevokeSecurityGroupEgress: ec2Mutate,
  CreateTags: { burst: 100, perSecond: 10 },
  DeleteTags: ec2Mutate,
  'ELB/all': { burst: 40, perSecond: 10 },
  'ELB/describe': { burst: 40, perSecond: 10 },
  'ELB/mutating': { burst: 20, perSecond: 3 },
  'ELB/registration': { burst: 20, perSecond: 4 },
  'ELB/costly': { burst: 10, perSecond: 0.2 },
  GetParameter: { burst: 40, perSecond: 40 },
};

/** What the gate has to know about a call that names so many machines. */
export function costOf(api: Api, machines: number): Pick<GatedCall, 'api' | 'write' | 'budgets'> {
  const cost: Cost = CALLS[api];
  const calls = cost.budgets.map((name) => ({ name, units: 1, counts: 'calls' as const }));
  return {
    api,
    write: cost.write,
    budgets:
      cost.machines === undefined
        ? calls
        : [...calls, { name: cost.machines, units: machines, counts: 'machines' }],
  };
}

function ec2Read(budget: string): Cost {
  return { write: false, budgets: [budget] };
}

function ec2Write(budget: string): Cost {
  return { write: true, budgets: [budget] };
}
