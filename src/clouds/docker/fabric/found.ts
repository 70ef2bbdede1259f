/** What was found on an engine. */
import type { ServerStats } from '../../../haproxy/stats.ts';
import type { FabricView } from '../../cloud.ts';
import type { Network } from '../shapes.ts';
import type { Leaving } from './told.ts';

export interface FoundBalancer {
  readonly id: string;
  readonly name: string;
  /** `running`, `exited`: the engine's word. */
  readonly state: string;
  /** What it was made as: image, ports and network, in one text. */
  readonly shape: string;
  /** The configuration it was told last; empty before the first. Undefined when it is neither running nor restarting. */
  readonly config?: string;
  /** As in its detail. */
  readonly draining?: readonly Leaving[];
}

/** What is known of a balancer that runs, or tries to. */
export interface BalancerDetail {
  readonly config: string;
  /** Undefined when it did not answer. */
  readonly stats?: readonly ServerStats[];
  /** Some server has not been asked since the last reload. */
  readonly checking: boolean;
  /** Machines that left it and still may have connections. */
  readonly draining: readonly Leaving[];
}

export interface DockerFabricView extends FabricView {
  readonly around: {
    /** What machines attach to. */
    readonly network?: Network;
    /** Of ours, by whatever name: there may be two where the engine did not see the first. */
    readonly ownNetworks: readonly {
      readonly network: Network;
      /** Containers of ours in it, by name. */
      readonly ours: readonly { readonly name: string; readonly inScope: boolean }[];
      /** Containers in it that were ours. */
      readonly released: boolean;
    }[];
    /** Somebody else's network has the name of ours. */
    readonly networkTaken: boolean;
    readonly balancers: readonly FoundBalancer[];
    /** Addresses of running machines by id. */
    readonly addresses: ReadonlyMap<string, string>;
    /** Volumes of this object's own machines, whose container is gone. */
    readonly strayVolumes: readonly string[];
  };
}
