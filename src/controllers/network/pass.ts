/** What the parts of the Network controller share: what one pass knows, and how long it is until the next. */
import type { Network } from '../../api/network.ts';
import type { NetworkStatus } from '../../api/network-status.ts';
import type { Seen } from '../kinds.ts';
import type { Site } from './site.ts';

/** What one pass knows of its Network. */
export interface Pass {
  readonly key: string;
  readonly seen: Seen<Network>;
  readonly network: Network;
  readonly sites: readonly Site[];
  /** Somebody asked for a look now. */
  readonly anew: boolean;
  readonly signal: AbortSignal;
}

/** What is there now, for the status. */
export type Tally = (network: Network, sites: readonly Site[]) => NetworkStatus;

/** Passes under way follow each other by this; a cloud reads only what is changing more often than at rest. */
export const busyLookMs = 3_000;
/** Looks at rest stretch from one to ten minutes. */
export const restLookMs = 60_000;
export const longestLookMs = 600_000;

export function waitsOf(sites: readonly Site[]): number[] {
  return sites.flatMap(({ trouble }) => trouble?.waitMs ?? []);
}
