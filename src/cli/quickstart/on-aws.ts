import { join } from 'node:path';
import { startRehearsal } from '../local/rehearsal.ts';
import { readExample } from './example.ts';
import { clusterLimits, clusterTag } from './rehearse.ts';
import type { Stage, StageOptions } from './stage.ts';

const file = join(import.meta.dirname, '../../../examples/quickstart.yaml');

/** Between a real API server and a pretended AWS. */
export async function startOnAws({ run, onLoss }: StageOptions): Promise<Stage> {
  const example = await readExample(file);
  const rehearsal = await startRehearsal({ run, userAgent: 'peerage-quickstart', onLoss });
  return {
    ...rehearsal,
    example,
    cloud: 'cloud',
    left: async () =>
      (await rehearsal.aws.control.ownedResources(clusterTag)).map(({ type, id }) => `${type} ${id}`),
    limits: [
      'The API server is real. The machines and their addresses are pretended: nothing answers there, and no client runs.',
      ...clusterLimits,
    ],
    hints: [],
  };
}
