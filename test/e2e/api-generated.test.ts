import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { structuralOf } from '../../tools/structural.ts';

const generator = join(import.meta.dirname, '../../tools/generate.ts');

test('a tuple has no structural form', () => {
  const schema = z.object({ pair: z.tuple([z.int(), z.string()]) });

  expect(() => structuralOf(schema, 'spec')).toThrow('spec.pair cannot be part of a CRD: a tuple');
});

test('crds/, the chart and the reference page are what the kinds say', async () => {
  const complaints = await new Promise<string>((resolve) => {
    execFile(process.execPath, [generator, '--check'], (_, stdout, stderr) => resolve(stdout + stderr));
  });

  expect(complaints).toBe('');
});

describe('a structural schema', () => {
  test('has no bounds that only JavaScript knows', () => {
    expect(structuralOf(z.int().min(1), 'a')).toEqual({ type: 'integer', minimum: 1, format: 'int64' });
    expect(structuralOf(z.int().min(0).max(9), 'a')).toEqual({
      type: 'integer',
      minimum: 0,
      maximum: 9,
      format: 'int32',
    });
  });

  test('leaves times to the server', () => {
    expect(structuralOf(z.iso.datetime({ offset: true }), 'a')).toEqual({
      type: 'string',
      format: 'date-time',
    });
  });

  test('keeps what it does not know of a loose object, and drops it of any other', () => {
    expect(structuralOf(z.looseObject({ b: z.string() }), 'a')).toMatchObject({
      'x-kubernetes-preserve-unknown-fields': true,
    });
    expect(structuralOf(z.object({ b: z.string() }), 'a')).toEqual({
      type: 'object',
      properties: { b: { type: 'string' } },
      required: ['b'],
    });
  });

  test('takes an integer or a string', () => {
    expect(structuralOf(z.union([z.int(), z.string().max(8)]).transform(String), 'a')).toEqual({
      maxLength: 8,
      'x-kubernetes-int-or-string': true,
    });
  });

  test('requires no field that has a default', () => {
    expect(
      structuralOf(z.object({ b: z.boolean().default(false), c: z.string().exactOptional() }), 'a'),
    ).toEqual({
      type: 'object',
      properties: { b: { type: 'boolean', default: false }, c: { type: 'string' } },
    });
  });

  test.each([
    ['a union of objects', z.union([z.object({ b: z.string() }), z.object({ c: z.string() })])],
    [
      'a discriminated union',
      z.discriminatedUnion('b', [z.object({ b: z.literal('x') }), z.object({ b: z.literal('y') })]),
    ],
    ['two patterns', z.string().regex(/a/).regex(/b/)],
    ['an open object with typed rest', z.object({ b: z.string() }).catchall(z.string())],
    ['null', z.string().nullable()],
    ['an open bound', z.int().gt(3)],
    ['a keyword that nobody knows', z.string().meta({ 'x-kubernetes-colour': 'green' })],
  ])('cannot be made of %s, and the refusal names the path', (_, schema) => {
    expect(() => structuralOf(z.object({ list: z.array(schema) }), 'spec')).toThrow(
      /^spec\.list\[\] cannot be part of a CRD/,
    );
  });
});
