/** What stands around containers on an engine: a network, and HAProxy in a container of its own. */
import { CloudError, type Fabric, type Owner } from '../cloud.ts';
import type { Surroundings } from './describe.ts';
import type { DockerFabricView } from './fabric/found.ts';
import { networkOwner, scopeKey } from './fabric/names.ts';
import { planFabric } from './fabric/plan.ts';
import { runAction } from './fabric/run.ts';
import type { Snapshot } from './fabric/snapshot.ts';
import type { DockerStep } from './fabric/steps.ts';
import { look, ourContainers } from './fabric/view.ts';
import type { Images } from './images.ts';
import { isReleased } from './names.ts';
import type { Sdk } from './sdk.ts';
import { ownerOf } from './tags.ts';

export interface FabricOptions {
  readonly sdk: Sdk;
  readonly images: Images;
  readonly snapshot: Snapshot;
  /** Value of the label that says what is ours. */
  readonly cluster: string;
  readonly surroundings: Surroundings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function createFabric(options: FabricOptions): Fabric<DockerFabricView, DockerStep> {
  const { sdk, images, snapshot, cluster, surroundings, now } = options;
  return {
    observe: (scope, { maxAgeMs, signal }) => {
      const flow = scope.owner.network ?? scope.owner.node;
      const asker = { signal, ...(flow === undefined ? {} : { flow }) };
      return look(snapshot, scope, { cluster, surroundings, maxAgeMs, asker, now });
    },

    plan: planFabric,

    run: async ({ action, flow, ...step }, signal, { logins } = {}) => {
      if (action === undefined) {
        throw new CloudError({
          code: 'unavailable',
          outcome: 'none',
          api: `${step.verb} ${step.kind}`,
          reason: 'StepWaits',
          message: step.waits ?? 'it cannot run yet',
        });
      }
      const asker = { signal, ...(flow === undefined ? {} : { flow }) };
      await runAction({ sdk, images, snapshot, cluster, asker, now, ...(logins && { logins }) }, action);
    },

    /**
     * A network in which a released container is left counts as released. Volumes are no sign of anybody: those of a
     * released machine carry our label for ever, and are their new owner's.
     */
    owners: async (signal) => {
      const [networks] = await Promise.all([
        snapshot.networks.ensure(0, { signal }),
        snapshot.containers.ensure(0, { signal }),
      ]);
      const released = new Set(
        (snapshot.containers.value() ?? [])
          .filter(({ Names }) => isReleased(Names))
          .flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings)),
      );
      const owners = [
        ...networks.filter(({ Name }) => !released.has(Name)).map(({ Labels }) => ownerOf(Labels)),
        ...ourContainers(snapshot, cluster).map(({ Labels }) => ownerOf(Labels)),
      ].filter((owner): owner is Owner => owner?.cluster === cluster);
      const all = new Map(owners.map((owner) => [scopeKey(owner), owner]));
      // What a placement has, or a region, taking that away takes: its network is no owner beside it.
      for (const owner of owners) {
        if ((owner.placement ?? owner.region) !== undefined) all.delete(scopeKey(networkOwner(owner)));
      }
      return Array.from(all.values());
    },
  };
}
