import type { Images } from '../images.ts';
import type { CallOptions, Sdk } from '../sdk.ts';
import type { Snapshot } from './snapshot.ts';

/** What a step is carried out with. */
export interface Hands {
  readonly sdk: Sdk;
  readonly images: Images;
  readonly snapshot: Snapshot;
  readonly cluster: string;
  readonly asker: CallOptions;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of registries, for an image that has to be fetched. */
  readonly logins?: (signal: AbortSignal) => Promise<{ reveal(): string }>;
}
