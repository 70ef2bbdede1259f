/**
 * From a zod schema to a structural schema, the only kind that a CRD takes:
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 * What has no structural form is refused with its path, so that a kind cannot promise what the API server drops.
 */
import { z } from 'zod';

export interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression?: string | undefined;
  readonly fieldPath?: string | undefined;
  readonly reason?: string | undefined;
}

export interface Structural {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: Structural;
  readonly properties?: { readonly [name: string]: Structural };
  readonly additionalProperties?: Structural;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

type Writable = { -readonly [Keyword in keyof Structural]: Structural[Keyword] };

/** `path` is where the schema stands, for the message of a refusal: `spec`. */
export function structuralOf(schema: z.ZodType, path: string): Structural {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
    override: ({ zodSchema, path: below }) => {
      // It would come out as a list in which any item may stand at any place.
      if (zodSchema._zod.def.type === 'tuple')
        throw notStructural([path, ...below.filter((step) => step !== 'properties')].join('.'), 'a tuple');
    },
  });
  return convert(sourceSchema.parse(json), path);
}

const rule = z.strictObject({
  rule: z.string(),
  message: z.string(),
  messageExpression: z.string().optional(),
  fieldPath: z.string().optional(),
  reason: z.string().optional(),
});

/** The keywords that have a structural form. A strict object, so that any other one is refused by its name. */
const keywords = {
  type: z.enum(['object', 'array', 'string', 'integer', 'number', 'boolean']).exactOptional(),
  description: z.string().exactOptional(),
  default: z.unknown().exactOptional(),
  enum: z.array(z.unknown()).exactOptional(),
  format: z.string().exactOptional(),
  pattern: z.string().exactOptional(),
  minLength: z.number().exactOptional(),
  maxLength: z.number().exactOptional(),
  minimum: z.number().exactOptional(),
  maximum: z.number().exactOptional(),
  minItems: z.number().exactOptional(),
  maxItems: z.number().exactOptional(),
  minProperties: z.number().exactOptional(),
  maxProperties: z.number().exactOptional(),
  required: z.array(z.string()).exactOptional(),
  'x-kubernetes-list-type': z.enum(['atomic', 'set', 'map']).exactOptional(),
  'x-kubernetes-list-map-keys': z.array(z.string()).exactOptional(),
  'x-kubernetes-map-type': z.enum(['atomic', 'granular']).exactOptional(),
  'x-kubernetes-validations': z.array(rule).exactOptional(),
};

/** Children are looked at one by one, to name the path of what is refused. */
const sourceSchema = z.looseObject({
  anyOf: z.array(z.unknown()).exactOptional(),
  items: z.unknown().exactOptional(),
  properties: z.record(z.string(), z.unknown()).exactOptional(),
  additionalProperties: z.unknown().exactOptional(),
});

function convert(source: z.output<typeof sourceSchema>, path: string): Structural {
  const { anyOf, items, properties = {}, additionalProperties, ...rest } = source;
  const parsed = z.strictObject(keywords).safeParse(rest);
  if (!parsed.success) throw notStructural(path, z.prettifyError(parsed.error));
  const { minimum, maximum, ...own } = parsed.data;
  if (anyOf !== undefined) return { ...own, ...intOrString(anyOf, path) };

  const result: Writable = { ...own };
  if (own.type === undefined) {
    if (own.enum !== undefined) throw notStructural(path, 'an enum without type');
    result['x-kubernetes-preserve-unknown-fields'] = true;
  }
  if (own.type === 'integer') Object.assign(result, integer(minimum, maximum));
  else if (minimum !== undefined || maximum !== undefined) {
    throw notStructural(path, 'bounds of something that is no integer');
  }
  // The server checks the format; zod's pattern for it has 400 characters.
  if (own.format === 'date-time') delete result.pattern;

  if (own.type === 'array') {
    if (items === undefined) throw notStructural(path, 'an array without items');
    result.items = convert(sourceSchema.parse(items), `${path}[]`);
  }
  if (own.type === 'object') {
    const names = Object.keys(properties);
    if (names.length > 0) {
      result.properties = Object.fromEntries(
        names.map((name) => [name, convert(sourceSchema.parse(properties[name]), `${path}.${name}`)]),
      );
    }
    if (isEmpty(additionalProperties)) result['x-kubernetes-preserve-unknown-fields'] = true;
    else if (typeof additionalProperties === 'object') {
      if (names.length > 0) throw notStructural(path, 'additionalProperties beside properties');
      result.additionalProperties = convert(sourceSchema.parse(additionalProperties), `${path}.*`);
    }
  }
  return result;
}

/** `z.int()` brings the bounds of a JavaScript number, which say nothing to anybody else. */
function integer(minimum: number | undefined, maximum: number | undefined): Structural {
  return {
    ...(minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER && { maximum }),
    format: maximum !== undefined && maximum < 2 ** 31 ? 'int32' : 'int64',
  };
}

/** The one union that there is a structural form for. */
function intOrString(members: readonly unknown[], path: string): Structural {
  const [first, second, ...others] = members.map((member) => sourceSchema.parse(member));
  if (first?.type !== 'integer' || second?.type !== 'string' || others.length > 0) {
    throw notStructural(path, 'anyOf; only an integer or a string, in this order, can be told apart');
  }
  const { maxLength } = z.object({ maxLength: z.number().exactOptional() }).parse(second);
  return { ...(maxLength !== undefined && { maxLength }), 'x-kubernetes-int-or-string': true };
}

function isEmpty(schema: unknown): boolean {
  return (
    schema === true || (typeof schema === 'object' && schema !== null && Object.keys(schema).length === 0)
  );
}

function notStructural(path: string, why: string): Error {
  return new Error(`${path} cannot be part of a CRD: ${why}`);
}
