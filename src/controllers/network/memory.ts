import { ANNOTATIONS } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Backoff, createBackoff } from '../backoff.ts';
import type { Seen } from '../kinds.ts';

/** What is known of a Network from one pass to the next. It is lost with the process, and nothing depends on it. */
export interface Memory {
  /** Trouble by placement, or scope key of a region; only the pass that was due tries again. */
  readonly troubles: Backoff;
  /** When (monotonic) a balancer last had nodes, or was to have: by name of the placement, or scope key of the region. */
  readonly emptySince: Map<string, number>;
  /** Since when (monotonic) the balancer that is wished has served what another one did for a placement, by its name. */
  readonly takenOverSince: Map<string, number>;
  /** Looks in a row that found everything at rest. */
  quietLooks: number;
  generation: number | undefined;
  /** Revision whose unknown variables were told of. */
  toldRevision: string | undefined;
  /** Value of the annotation that asks for a look. */
  asked: string | undefined;
  /** Something that stood in the way may be mended: the next pass tries whatever had to wait. */
  hurried: boolean;
}

export interface Memories {
  of(key: string): Memory;
  hurry(key: string): void;
  forget(key: string): void;
}

export function createMemories(clock: Clock): Memories {
  const memories = new Map<string, Memory>();
  return {
    of(key) {
      const known = memories.get(key);
      if (known !== undefined) return known;
      const fresh: Memory = {
        troubles: createBackoff(clock),
        emptySince: new Map(),
        takenOverSince: new Map(),
        quietLooks: 0,
        generation: undefined,
        toldRevision: undefined,
        asked: undefined,
        hurried: false,
      };
      memories.set(key, fresh);
      return fresh;
    },
    hurry(key) {
      const memory = memories.get(key);
      if (memory !== undefined) memory.hurried = true;
    },
    forget: (key) => void memories.delete(key),
  };
}

/**
 * Takes in what is wished for now. A wish that was changed, or asked about, is tried at once, whatever it had to wait for.
 * `anew`: somebody asked since the last pass, so that what was seen in the cloud before does not count.
 */
export function heed(memory: Memory, { metadata }: Seen<Network>): { readonly anew: boolean } {
  const { generation } = metadata;
  const asked = metadata.annotations?.[ANNOTATIONS.reconcile];
  const isFirst = memory.generation === undefined;
  const anew = !isFirst && memory.asked !== asked;
  if (anew || memory.hurried || memory.generation !== generation) memory.troubles.hurryAll();
  if (anew) memory.quietLooks = 0;
  memory.generation = generation;
  memory.asked = asked;
  memory.hurried = false;
  return { anew };
}
