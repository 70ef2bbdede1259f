/** What stands around machines on AWS: security groups, a balancer, its listeners and target groups. */
import { CloudError, type Fabric, type Owner } from '../cloud.ts';
import type { AwsFabricView } from './fabric/found.ts';
import { scopeKey } from './fabric/names.ts';
import { planFabric } from './fabric/plan.ts';
import { mistrusting, runAction } from './fabric/run.ts';
import { candidates, createSnapshot } from './fabric/snapshot.ts';
import type { AwsStep } from './fabric/steps.ts';
import { look, refreshLists } from './fabric/view.ts';
import type { Sdk } from './sdk.ts';

export interface FabricOptions {
  readonly sdk: Sdk;
  /** Value of the tag that says what is ours. */
  readonly cluster: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function createFabric(options: FabricOptions): Fabric<AwsFabricView, AwsStep> {
  const { sdk, cluster, now } = options;
  const snapshot = createSnapshot(options);
  return {
    observe: (scope, { maxAgeMs, signal }) => {
      const flow = scope.owner.network ?? scope.owner.node;
      const asker = { signal, ...(flow === undefined ? {} : { flow }) };
      return look(snapshot, scope, { maxAgeMs, asker, now });
    },

    plan: planFabric,

    run: async ({ action, flow, ...step }, signal) => {
      if (action === undefined) {
        throw new CloudError({
          code: 'unavailable',
          outcome: 'none',
          api: `${step.verb} ${step.kind}`,
          reason: 'StepWaits',
          message: step.waits ?? 'it cannot run yet',
        });
      }
      const hands = { sdk, snapshot, cluster, asker: { signal, ...(flow === undefined ? {} : { flow }) } };
      await mistrusting(hands, runAction(hands, action));
    },

    owners: async (signal) => {
      await refreshLists(snapshot, 0, { signal });
      const owners = [
        ...Array.from(snapshot.groups.rows().values(), ({ owner }) => owner),
        ...candidates(snapshot).map(({ arn }) => snapshot.tagged.rows().get(arn)?.owner),
      ].filter((owner): owner is Owner => owner !== undefined && owner !== 'other');
      return Array.from(new Map(owners.map((owner) => [scopeKey(owner), owner])).values());
    },
  };
}
