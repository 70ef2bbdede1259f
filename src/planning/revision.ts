/** The revision of a placement's Nodes: a hash over what needs a new machine when it changes. Pure. */

import { z } from 'zod';
import { client } from '../api/client.ts';
import type { NetworkSpec } from '../api/network.ts';
import type { Cloud } from '../clouds/cloud.ts';
import { hash } from '../runtime/hash.ts';

/**
 * Stands in every revision: should this function ever change, it keeps the old one beside it and Nodes of the old version
 * go on being compared by that, so that an upgrade of the operator replaces nothing.
 */
const version = 'v1';

/**
 * What equals its default counts as not set. So a field or default that a later version adds leaves the revision of what
 * users wrote as it is.
 */
export function revisionOf(spec: NetworkSpec, cloud: Cloud, member: unknown): string {
  const { health: _, ...program } = spec.client;
  const kept = isRecord(member)
    ? Object.fromEntries(Object.entries(member).filter(([name]) => !cloud.mutable.includes(name)))
    : member;
  const made = {
    client: withoutDefaults(program, jsonSchema(client)),
    init: spec.init,
    secretDelivery: spec.secretDelivery === 'None' ? undefined : spec.secretDelivery,
    role: spec.role === 'Peer' ? undefined : spec.role,
    cloud: cloud.name,
    member: withoutDefaults(kept, jsonSchema(cloud.placement)),
  };
  return `${version}-${hash(made, 10)}`;
}

const schemas = new WeakMap<z.ZodType, unknown>();

function jsonSchema(schema: z.ZodType): unknown {
  const known =
    schemas.get(schema) ?? z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' });
  schemas.set(schema, known);
  return known;
}

/** The value without the members that equal the default their schema gives, at every depth. */
export function withoutDefaults(value: unknown, schema: unknown): unknown {
  if (!isRecord(schema)) return value;
  if (Array.isArray(value)) return value.map((item) => withoutDefaults(item, schema.items));
  if (!isRecord(value)) return value;
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const described = properties[name];
    const bare = withoutDefaults(member, described);
    if (isRecord(described) && 'default' in described) {
      const usual = withoutDefaults(described.default, described);
      if (hash(bare) === hash(usual)) continue;
    }
    kept[name] = bare;
  }
  return kept;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
