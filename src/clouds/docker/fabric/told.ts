/**
 * What an HAProxy was told last, kept in its own container: whoever looks next, be it after a restart, knows it from there.
 */
import { z } from 'zod';
import { filesIn, type TarFile } from '../tar.ts';
import { FILES } from './config.ts';

/** A machine that has left, and may still have connections. */
export interface Leaving {
  readonly id: string;
  /** When it left, in milliseconds since the epoch. */
  readonly at: number;
  /** When its connections are cut, in milliseconds since the epoch. */
  readonly until: number;
}

export interface Told {
  /** Empty before the first. */
  readonly config: string;
  readonly leaving: readonly Leaving[];
}

export const untold: Told = { config: '', leaving: [] };

export function toldAs({ config, leaving }: Told): readonly TarFile[] {
  return [
    { path: FILES.applied, content: config },
    { path: FILES.leaving, content: JSON.stringify(leaving) },
  ];
}

const leavingFile = z.array(z.object({ id: z.string(), at: z.number(), until: z.number() }));

/** From an archive of the folder. An earlier version wrote nothing about who leaves. */
export function readTold(archive: Buffer): Told {
  const files = filesIn(archive);
  const textOf = (path: string) => files.get(path.slice(path.lastIndexOf('/') + 1));
  return { config: textOf(FILES.applied) ?? '', leaving: readLeaving(textOf(FILES.leaving) ?? '[]') };
}

/** Somebody's hands may have been at it: then nobody is known to leave. */
function readLeaving(text: string): readonly Leaving[] {
  try {
    return leavingFile.parse(JSON.parse(text));
  } catch {
    return [];
  }
}
