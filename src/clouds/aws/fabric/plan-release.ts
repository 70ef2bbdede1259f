import { type Scope, TAGS } from '../../cloud.ts';
import type { AwsFabricView } from './found.ts';
import { type AwsStep, stepOf } from './steps.ts';

/** Listeners lose the tag with their balancer, and pools after it: a listener is found through the one and known by the other. */
export function planRelease(scope: Scope, view: AwsFabricView): readonly AwsStep[] {
  const { groups, balancers, pools } = view.around;
  const because = `${TAGS.cluster} is taken off, the rest stays`;
  const poolArns = new Set(pools.map((pool) => pool.arn));
  const release = (kind: string, name: string, arns: readonly string[]): AwsStep =>
    stepOf(scope, { verb: 'release', kind, name, because }, { do: 'release', arns });
  return [
    ...balancers.map((balancer) => {
      const listeners = balancer.listeners.filter((listener) =>
        listener.poolArns.some((arn) => poolArns.has(arn)),
      );
      // The balancer's own ARN comes last: without its tag the rest would not be found again.
      return release('load balancer', balancer.name, [
        ...listeners.map((listener) => listener.arn),
        balancer.arn,
      ]);
    }),
    ...pools.map((pool) => release('target group', pool.name, [pool.arn])),
    ...groups.map((group) =>
      stepOf(
        scope,
        { verb: 'release', kind: 'security group', name: group.name, because },
        { do: 'release group', groupId: group.id },
      ),
    ),
  ];
}
