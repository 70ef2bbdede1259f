/** From what the API server sends to the types of this folder: the one edge where objects are parsed. */
import type { z } from 'zod';
import type { DeepReadonly } from './common.ts';
import { cloudCredential } from './credential.ts';
import { network } from './network.ts';
import { node } from './node.ts';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** `path` as `kubectl` writes it: `spec.placements[0].aws.region`. Empty: the object as a whole. */
  | { readonly ok: false; readonly path: string; readonly message: string };

/**
 * Defaults are filled in and fields that this version does not know are left out. The cloud member is checked with
 * the cloud's own schema. CEL rules are not: the API server has seen to them.
 */
export const parseNetwork = parserOf(network);
export const parseNode = parserOf(node);
export const parseCredential = parserOf(cloudCredential);

function parserOf<Schema extends z.ZodType>(
  schema: Schema,
): (object: unknown) => Parsed<DeepReadonly<z.output<Schema>>>;
function parserOf(schema: z.ZodType): (object: unknown) => Parsed<unknown> {
  return (object) => {
    const { success, data, error } = schema.safeParse(object);
    if (success) return { ok: true, value: data };
    const [issue] = error.issues;
    return { ok: false, path: pathText(issue?.path ?? []), message: issue?.message ?? error.message };
  };
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}
