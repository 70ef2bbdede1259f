import type { Machine } from '../clouds/cloud.ts';
import { createRequests, type Remover, type RemoverOptions } from './remover.ts';

type Launch = NonNullable<Machine['launch']>;

/** Lets go of machines, many in one call: they live on, without our tag. */
export interface Releaser extends Remover {
  /** Whether the machine of this launch was seen without our tag, and a list without the machine; told once. */
  takeReleased(launch: Launch): boolean;
}

export interface ReleaserOptions extends RemoverOptions {
  /** Marks in the clouds what is ours. */
  readonly cluster: string;
  readonly onReleased: (machine: Machine) => void;
}

/** The released are kept until somebody asks, or so many more have come: whoever asks too late looks for himself. */
const mostReleased = 10_000;

export function createReleaser(options: ReleaserOptions): Releaser {
  const { cluster, onReleased } = options;
  const released = new Set<string>();

  const requests = createRequests(options, 'released', async ({ region, open }, ids, signal) => {
    const { machines } = open.session;
    await machines.release(ids, signal);
    // Young, it may not have been shown to the release. Seen without our tag it has certainly lost it.
    const seen = await machines.read(ids, signal);
    const freed = seen.filter(({ owner }) => owner.cluster !== cluster);
    const known = freed.flatMap(({ id }) => region.get(id) ?? []);
    for (const { id } of known) region.forget(id);
    if (known.length > 0) await region.read(signal);
    for (const machine of known) {
      if (region.get(machine.id) !== undefined) continue;
      if (machine.launch !== undefined) released.add(keyOf(machine.launch));
      onReleased(machine);
    }
    for (const key of released) if (released.size > mostReleased) released.delete(key);
    return new Map();
  });

  return { ...requests, takeReleased: (launch) => released.delete(keyOf(launch)) };
}

function keyOf({ token, index }: Launch): string {
  return `${token}/${index}`;
}
