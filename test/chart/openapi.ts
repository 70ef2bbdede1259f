import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { api } from '../support/api.ts';

const indexSchema = z.object({ paths: z.record(z.string(), z.object({ serverRelativeURL: z.string() })) });
const documentSchema = z.object({
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }).optional(),
});
const kindsSchema = z.array(z.object({ group: z.string(), version: z.string(), kind: z.string() }));

/**
 * Writes the API server's own OpenAPI v3 documents as JSON schemas, one file for each kind, which know no field beside those
 * that the server knows. Answers where kubeconform finds them. The core group stands under its version, as kubeconform has it.
 */
export async function writeSchemas(dir: string): Promise<string> {
  const get = async (path: string): Promise<unknown> => {
    const { status, body } = await api('GET', path);
    if (status !== 200) throw new Error(`${path} was answered with ${status}`);
    return body;
  };
  const { paths } = indexSchema.parse(await get('/openapi/v3'));
  for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
    if (!/^apis?\/.*v\d/.test(path)) continue;
    const schemas = documentSchema.parse(await get(serverRelativeURL)).components?.schemas ?? {};
    // Each file holds its whole document: references stay as they are, and nothing has to be followed.
    const components = { schemas: strict(schemas) };
    for (const [name, schema] of Object.entries(schemas)) {
      for (const { group, version, kind } of kindsSchema
        .catch([])
        .parse(schema['x-kubernetes-group-version-kind'])) {
        if (path !== (group === '' ? `api/${version}` : `apis/${group}/${version}`)) continue;
        const folder = join(dir, group || version);
        await mkdir(folder, { recursive: true });
        const file = join(folder, `${kind.toLowerCase()}_${version}.json`);
        await writeFile(file, JSON.stringify({ $ref: `#/components/schemas/${name}`, components }));
      }
    }
  }
  return join(dir, '{{.Group}}', '{{.ResourceKind}}_{{.ResourceAPIVersion}}.json');
}

function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, strict(inner)]));
  return openSchema.safeParse(value).success ? { ...copy, additionalProperties: false } : copy;
}

/** A schema with members, and not a map of schemas in which one happens to be called `properties`. */
const openSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(z.string(), z.unknown()),
  additionalProperties: z.undefined().optional(),
  'x-kubernetes-preserve-unknown-fields': z.literal(false).optional(),
});
