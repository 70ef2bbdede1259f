import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** The Network in a file of manifests, as far as the quickstart speaks of it. */
export interface Example {
  readonly path: string;
  readonly namespace: string;
  readonly name: string;
  /** How many Nodes it asks for. */
  readonly replicas: number;
}

const networkSchema = z.object({
  kind: z.literal('Network'),
  metadata: z.object({ name: z.string(), namespace: z.string().default('default') }),
  spec: z.object({
    replicas: z.int().optional(),
    placements: z.array(z.object({ replicas: z.int().default(1) })),
  }),
});

/** Rejects when the file holds no Network. */
export async function readExample(path: string): Promise<Example> {
  for (const document of parseAllDocuments(await readFile(path, 'utf8'))) {
    const parsed = networkSchema.safeParse(document.toJS());
    if (!parsed.success) continue;
    const { metadata, spec } = parsed.data;
    const sum = spec.placements.reduce((all, placement) => all + placement.replicas, 0);
    return { path, ...metadata, replicas: spec.replicas ?? sum };
  }
  throw new Error(`${path} holds no Network`);
}
