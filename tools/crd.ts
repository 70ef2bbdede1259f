/** The CustomResourceDefinition of a kind. */
import { z } from 'zod';
import { GROUP, VERSION } from '../src/api/common.ts';
import type { Kind } from '../src/api/resources.ts';
import { type Rule, type Structural, structuralOf } from './structural.ts';

export function crdOf(kind: Kind) {
  const { plural, singular, shortNames, columns, scale } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural,
        singular,
        shortNames,
        categories: ['peerage'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale && { scale }) },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: rootOf(kind) },
        },
      ],
    },
  };
}

/** The server knows the envelope by itself; a CRD may only restrict the name in it. */
export function rootOf({ kind, schema, name }: Kind): Structural {
  if (!(schema instanceof z.ZodObject)) throw new Error(`the schema of ${kind} is no object`);
  const { spec, status } = z
    .object({ spec: z.instanceof(z.ZodType), status: z.instanceof(z.ZodType) })
    .parse(schema.shape);
  return {
    description: schema.description ?? '',
    type: 'object',
    properties: {
      apiVersion: { type: 'string', description: `\`${GROUP}/${VERSION}\`` },
      kind: { type: 'string', description: `\`${kind}\`` },
      metadata: { type: 'object', ...(name && { properties: { name: nameSchema(name) } }) },
      spec: structuralOf(spec, 'spec'),
      status: structuralOf(status, 'status'),
    },
    required: ['spec'],
    ...(name && { 'x-kubernetes-validations': [nameRule(name)] }),
  };
}

function nameSchema({ maxLength }: NonNullable<Kind['name']>): Structural {
  return { type: 'string', maxLength };
}

function nameRule({ because }: NonNullable<Kind['name']>): Rule {
  return {
    rule: "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    fieldPath: '.metadata.name',
    message: `has lower-case letters, digits and dashes only, and a letter or digit at both ends, as ${because}`,
  };
}
