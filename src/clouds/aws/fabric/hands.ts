import type { Sdk } from '../sdk.ts';
import type { Asker } from './part.ts';
import { isCode } from './refusals.ts';
import type { Snapshot } from './snapshot.ts';

/** What a step is carried out with. */
export interface Hands {
  readonly sdk: Sdk;
  readonly snapshot: Snapshot;
  readonly cluster: string;
  readonly asker: Asker;
}

/** For removals: what is gone already needs no removing. */
export async function orIfGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (thrown) {
    if (!isCode(thrown, 'notFound')) throw thrown;
  }
}
