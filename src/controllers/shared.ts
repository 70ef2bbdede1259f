import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { SecretReader } from '../kube/secrets.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../telemetry.ts';
import type { Bursts } from './bursts.ts';
import type { Caches } from './caches.ts';
import type { Fabrics } from './fabrics.ts';
import type { Health } from './health.ts';
import type { Inventory } from './inventory.ts';
import type { Peers } from './peers.ts';
import type { Releaser } from './releaser.ts';
import type { Remover } from './remover.ts';
import type { Sessions } from './sessions.ts';
import type { SweepHolds } from './sweep-holds.ts';
import type { Telling } from './telling.ts';

/** What all controllers work with; there is one of each. */
export interface Shared extends Caches {
  readonly client: KubeClient;
  readonly secrets: SecretReader;
  readonly sessions: Sessions;
  readonly inventory: Inventory;
  readonly health: Health;
  readonly peers: Peers;
  readonly fabrics: Fabrics;
  readonly remover: Remover;
  readonly releaser: Releaser;
  readonly bursts: Bursts;
  readonly sweepHolds: SweepHolds;
  readonly events: EventRecorder;
  readonly tell: Telling;
  /** Marks in the clouds what is ours. */
  readonly cluster: string;
  /** The operator was started with `--paused`. */
  readonly paused: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
