import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** A file of manifests with a Network in it, as far as the quickstart speaks of it. */
export interface Example {
  /** As users name it: `examples/quickstart.yaml`. */
  readonly file: string;
  /** What is applied. */
  readonly text: string;
  /** What in it is not as in the file, for people. */
  readonly changes?: readonly string[];
  readonly namespace: string;
  readonly name: string;
  /** How many Nodes it asks for. */
  readonly replicas: number;
}

const root = new URL('../../..', import.meta.url).pathname;

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
  const text = await readFile(path, 'utf8');
  for (const document of parseAllDocuments(text)) {
    const parsed = networkSchema.safeParse(document.toJS());
    if (!parsed.success) continue;
    const { metadata, spec } = parsed.data;
    const sum = spec.placements.reduce((all, placement) => all + placement.replicas, 0);
    return { file: relative(root, path), text, ...metadata, replicas: spec.replicas ?? sum };
  }
  throw new Error(`${path} holds no Network`);
}
