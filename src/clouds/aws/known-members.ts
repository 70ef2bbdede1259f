/** The SDK leaves members that it does not know out of a call, without a word. Here they are found by its own schema. */
import { z } from 'zod';

/**
 * How the SDK writes schemas down: a kind, two names, traits, then what it is made of. Numbers and the like are leaves.
 * https://github.com/smithy-lang/smithy-typescript/blob/main/packages/types/src/schema/static-schemas.ts
 */
const structure = z.tuple(
  [
    z.union([z.literal(3), z.literal(4)]),
    z.string(),
    z.string(),
    z.unknown(),
    z.array(z.string()),
    z.array(z.unknown()),
  ],
  z.unknown(),
);
const list = z.tuple([z.literal(1), z.string(), z.string(), z.unknown(), z.unknown()]);
const object = z.record(z.string(), z.unknown());

export interface UnknownMember {
  /** `CpuOptions.CoreCout`, `BlockDeviceMappings[0].Ebs.Typ`. */
  readonly path: string;
  /** The member that differs only in case, if there is one. */
  readonly meant?: string;
}

/** The first member of `value` that is not in the SDK's `schema`. What is of another type than it should be, EC2 refuses. */
export function unknownMember(schema: unknown, value: unknown, path = ''): UnknownMember | undefined {
  const target = referred(schema);
  const listed = list.safeParse(target);
  if (listed.success) {
    if (!Array.isArray(value)) return undefined;
    return first(value.entries(), ([index, item]) =>
      unknownMember(listed.data[4], item, `${path}[${index}]`),
    );
  }
  const structured = structure.safeParse(target);
  const members = object.safeParse(value);
  if (!structured.success || !members.success) return undefined;
  const [, , , , names, schemas] = structured.data;
  return first(Object.entries(members.data), ([name, member]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const index = names.indexOf(name);
    if (index >= 0) return unknownMember(schemas[index], member, here);
    const meant = names.find((known) => known.toLowerCase() === name.toLowerCase());
    return { path: here, ...(meant !== undefined && { meant }) };
  });
}

/** Schemas of other schemas come as functions, and with traits of their own as pairs. */
function referred(schema: unknown): unknown {
  if (typeof schema === 'function') return referred(schema());
  return Array.isArray(schema) && schema.length === 2 ? referred(schema[0]) : schema;
}

function first<Item, Found>(
  items: Iterable<Item>,
  look: (item: Item) => Found | undefined,
): Found | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
