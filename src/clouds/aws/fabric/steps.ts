/** A step of the plan, and the one call behind it. */
import type { CloudError, Owner, Step } from '../../cloud.ts';
import type { AwsTag } from '../tags.ts';
import type { BalancerType, HealthCheck, Listener, Scheme, Subnet } from './found.ts';
import type { Rule } from './rules.ts';

export type AttributeValues = Readonly<Record<string, string>>;

export type Action =
  | {
      readonly do: 'create group';
      readonly name: string;
      readonly description: string;
      readonly vpcId: string;
      readonly ipv6: boolean;
      readonly owner: Owner;
      readonly tags: readonly AwsTag[];
    }
  | {
      readonly do: 'authorize' | 'revoke';
      readonly direction: 'ingress' | 'egress';
      readonly groupId: string;
      readonly rules: readonly Rule[];
    }
  | { readonly do: 'delete group'; readonly groupId: string }
  | {
      readonly do: 'create balancer';
      readonly name: string;
      readonly type: BalancerType;
      readonly scheme: Scheme;
      readonly vpcId: string;
      readonly subnetIds: readonly string[];
      readonly groupIds: readonly string[];
      readonly owner: Owner;
      readonly tags: readonly AwsTag[];
    }
  | { readonly do: 'set balancer attributes'; readonly arn: string; readonly attributes: AttributeValues }
  | { readonly do: 'set subnets'; readonly arn: string; readonly subnets: readonly Subnet[] }
  | { readonly do: 'set groups'; readonly arn: string; readonly groupIds: readonly string[] }
  | { readonly do: 'delete balancer'; readonly arn: string }
  | {
      readonly do: 'create pool';
      readonly name: string;
      readonly protocol: string;
      readonly port: number;
      readonly vpcId: string;
      readonly health: HealthCheck;
      readonly owner: Owner;
      readonly tags: readonly AwsTag[];
    }
  | { readonly do: 'set health check'; readonly arn: string; readonly health: HealthCheck }
  | { readonly do: 'set pool attributes'; readonly arn: string; readonly attributes: AttributeValues }
  | { readonly do: 'delete pool'; readonly arn: string }
  | {
      readonly do: 'create listener';
      readonly balancerArn: string;
      readonly listener: Omit<Listener, 'arn'>;
      readonly owner: Owner;
      readonly tags: readonly AwsTag[];
    }
  | { readonly do: 'set listener'; readonly balancerArn: string; readonly listener: Listener }
  | { readonly do: 'delete listener'; readonly balancerArn: string; readonly arn: string }
  | {
      readonly do: 'register' | 'deregister';
      readonly arn: string;
      readonly targets: readonly { readonly id: string; readonly port: number }[];
    }
  | { readonly do: 'tag group'; readonly groupId: string; readonly tags: readonly AwsTag[] }
  | { readonly do: 'untag group'; readonly groupId: string; readonly keys: readonly string[] }
  /** `arn`: of ELBv2. */
  | { readonly do: 'tag'; readonly arn: string; readonly tags: readonly AwsTag[] }
  | { readonly do: 'untag'; readonly arn: string; readonly keys: readonly string[] }
  | { readonly do: 'release group'; readonly groupId: string }
  /** `arns`: of ELBv2, in the order in which they lose the tag. */
  | { readonly do: 'release'; readonly arns: readonly string[] }
  /** AWS would refuse it, or accept it and touch what is not ours. */
  | { readonly do: 'refuse'; readonly error: CloudError };

export interface AwsStep extends Step {
  /** `namespace/name` on whose behalf. */
  readonly flow?: string;
  /** Absent as long as the step waits. */
  readonly action?: Action;
}

/** On whose behalf steps are planned, and what everything they create carries. */
export interface Behalf {
  readonly owner: Owner;
  /** Users' own tags and the owner's. */
  readonly tags: readonly AwsTag[];
}

/** `next`: the call, or why it cannot be made yet. */
export function stepOf(
  behalf: { readonly owner: Owner },
  shown: Pick<AwsStep, 'verb' | 'kind' | 'name' | 'because'>,
  next: Action | string,
): AwsStep {
  const flow = behalf.owner.network ?? behalf.owner.node;
  return {
    ...shown,
    ...(flow === undefined ? {} : { flow }),
    ...(typeof next === 'string' ? { waits: next } : { action: next }),
  };
}

export type ActionOf<Name extends Action['do']> = Extract<Action, { readonly do: Name }>;
