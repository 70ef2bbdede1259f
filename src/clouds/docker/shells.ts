/** Which containers have a shell, without which an engine can carry out no health check. */
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { CloudError } from '../cloud.ts';
import { wasAnswered } from './errors.ts';
import { SHELL } from './healthcheck.ts';
import type { CallOptions, Sdk } from './sdk.ts';

export interface ShellOptions {
  readonly sdk: Pick<Sdk, 'hasPath'>;
  readonly clock?: Clock;
}

export interface Shells {
  /** As was found a moment ago; undefined when nobody has looked. */
  known(image: string): boolean | undefined;
  /** Looks into a container of this image. Where the engine does not let us: no. */
  look(id: string, image: string, options: CallOptions): Promise<boolean>;
}

/** An image's name may stand for another image by then. */
const freshMs = 60_000;

export function createShells({ sdk, clock = systemClock }: ShellOptions): Shells {
  const seen = new Map<string, { readonly has: boolean; readonly at: number }>();

  function forgetOld(): void {
    for (const [image, { at }] of seen) if (clock.monotonic() - at >= freshMs) seen.delete(image);
  }

  return {
    known: (image) => {
      forgetOld();
      return seen.get(image)?.has;
    },
    look: async (id, image, options) => {
      const has = await sdk.hasPath(id, SHELL, options).catch((thrown: unknown) => {
        if (thrown instanceof CloudError && wasAnswered(thrown)) return false;
        throw thrown;
      });
      seen.set(image, { has, at: clock.monotonic() });
      return has;
    },
  };
}
