/** The reference page: every field of every kind, from the same schemas that the API server enforces. */
import { API_VERSION } from '../src/api/common.ts';
import { CONDITION_TYPES, REASONS } from '../src/api/reasons.ts';
import type { Kind } from '../src/api/resources.ts';
import { rootOf } from './crd.ts';
import type { Structural } from './structural.ts';

/** An object with more fields than this below it gets a table of its own. */
const inlineFields = 5;

export function referencePage(kinds: readonly Kind[]): string {
  // A schema that occurs again is described once: text of its fields -> heading.
  const described = new Map<string, string>();
  const parts = kinds.map((kind) => kindText(kind, described));
  return [
    '<!-- Made by tools/generate.ts from src/api. Do not edit. -->',
    '# API reference',
    `All kinds are of \`${API_VERSION}\`, namespaced, and in the category \`peerage\`: \`kubectl get peerage\` lists them all. What stands under *Rules* is enforced by the API server together with the types: a mistake is refused by \`kubectl apply\`, with the path of the field.`,
    ...parts,
    '## Conditions',
    'All have the shape of `metav1.Condition`, with `observedGeneration`.',
    table(
      ['Type', 'True means'],
      Object.entries(CONDITION_TYPES).map(([type, means]) => [code(type), means]),
    ),
    '## Reasons',
    'Of conditions and Events. There are no others.',
    table(
      ['Reason', 'Meaning'],
      Object.entries(REASONS).map(([reason, means]) => [code(reason), means]),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function kindText(kind: Kind, described: Map<string, string>): string {
  const schema = rootOf(kind);
  const { spec, status } = schema.properties ?? {};
  const columns = kind.columns.map((column) => [
    column.name,
    `${column.description}${'priority' in column ? ' With `-o wide`.' : ''}`,
  ]);
  return [
    `## ${kind.kind}`,
    `${schema.description ?? ''} Short name: ${kind.shortNames.map(code).join(', ')}.`,
    ...(kind.name === undefined
      ? []
      : [
          `Its name has at most ${kind.name.maxLength} characters, lower-case letters, digits and dashes, as ${kind.name.because}.`,
        ]),
    ...sections(`${kind.kind}.spec`, spec ?? {}, described),
    ...sections(`${kind.kind}.status`, status ?? {}, described),
    `### Columns of \`kubectl get ${kind.plural}.peerage.dev\``,
    table(['Column', 'Shows'], columns),
  ].join('\n\n');
}

/** A table for the object at `path`, followed by those of the larger objects in it. */
function sections(path: string, schema: Structural, described: Map<string, string>): string[] {
  const later: { path: string; schema: Structural }[] = [];
  const rows: string[][] = [];
  const rules: string[] = [];

  collectRules('', schema);
  addRows('', schema);
  const text = [`### ${path}`, table(['Field', 'Type', 'Default', 'Description'], rows)];
  if (rules.length > 0) text.push('Rules:', rules.join('\n'));
  return [...text, ...later.flatMap((child) => sections(child.path, child.schema, described))];

  function addRows(prefix: string, { properties = {}, required = [] }: Structural): void {
    for (const [name, field] of Object.entries(properties)) {
      const at = `${prefix}${name}`;
      const inner = objectIn(field);
      const key = JSON.stringify(inner.schema.properties);
      const isLarge = fieldCount(inner.schema) > inlineFields;
      const known = isLarge ? described.get(key) : undefined;
      const heading = `${path}.${at}${inner.suffix}`;
      if (isLarge && known === undefined) {
        described.set(key, heading);
        later.push({ path: heading, schema: inner.schema });
      }
      const link = isLarge ? ` See [${known ?? heading}](#${anchor(known ?? heading)}).` : '';
      const mandatory = required.includes(name) ? '*required*' : defaultText(field);
      // Asked for here, since every field of every kind passes here.
      if (field.description === undefined) throw new Error(`${path}.${at} has no description`);
      rows.push([code(at), typeText(field), mandatory, `${field.description}${link}`]);
      if (isLarge) {
        // Rules on the list or map itself; those of the object stand with its own table.
        if (field !== inner.schema) collectOwn(at, field);
        continue;
      }
      collectRules(at, field);
      addRows(`${at}${inner.suffix}.`, inner.schema);
    }
  }

  function collectRules(at: string, field: Structural): void {
    collectOwn(at, field);
    if (field.items) collectRules(`${at}[]`, field.items);
    if (field.additionalProperties) collectRules(`${at}.*`, field.additionalProperties);
  }

  function collectOwn(at: string, field: Structural): void {
    const add = (where: string, text: string) => {
      const line = where === '' ? `- ${text}` : `- ${code(where)}: ${text}`;
      if (!rules.includes(line)) rules.push(line);
    };
    if (field.pattern !== undefined) add(at, `matches ${code(field.pattern)}`);
    if (field['x-kubernetes-list-type'] === 'set') add(at, 'has no item twice');
    const keys = field['x-kubernetes-list-map-keys'];
    if (keys !== undefined) add(at, `no two items have the same ${keys.map(code).join(' and ')}`);
    for (const { message, fieldPath = '' } of field['x-kubernetes-validations'] ?? []) {
      add(at === '' ? fieldPath.slice(1) : `${at}${fieldPath}`, message);
    }
  }
}

/** The object that a field holds, directly or as the items of a list, and what its path gets for it. */
function objectIn(field: Structural): { schema: Structural; suffix: string } {
  if (field.items) return { schema: field.items, suffix: '[]' };
  return { schema: field, suffix: '' };
}

function fieldCount(schema: Structural): number {
  return Object.values(schema.properties ?? {}).reduce(
    (count, field) => count + 1 + fieldCount(objectIn(field).schema),
    0,
  );
}

function typeText(field: Structural): string {
  if (field['x-kubernetes-int-or-string']) return 'integer or string';
  if (field.items) return `list of ${plural(wordOf(field.items))}${rangeOf(field.minItems, field.maxItems)}`;
  if (field.additionalProperties)
    return `map of ${plural(wordOf(field.additionalProperties))}${rangeOf(field.minProperties, field.maxProperties)}`;
  if (field.enum) return field.enum.map((value) => code(String(value))).join(', ');
  if (field.type === 'integer') return `integer${rangeText(field.minimum, field.maximum)}`;
  if (field.type === 'string') {
    if (field.format === 'date-time') return 'time';
    return `string${field.maxLength === undefined ? '' : `, at most ${field.maxLength}`}`;
  }
  return field.type ?? 'anything';
}

/** Without bounds, which would read as those of the list. */
function wordOf(field: Structural): string {
  return field.type === undefined || field.enum ? typeText(field) : field.type;
}

function plural(word: string): string {
  return word.replace(/^(object|string|integer)$/, '$1s');
}

function rangeOf(minimum: number | undefined, maximum: number | undefined): string {
  if (maximum === undefined) return '';
  return minimum === undefined ? `, at most ${maximum}` : `, ${minimum} to ${maximum}`;
}

function rangeText(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  return minimum === undefined ? '' : `, ${minimum} or more`;
}

function defaultText(field: Structural): string {
  return field.default === undefined ? '' : code(JSON.stringify(field.default).replace(/^"(.*)"$/, '$1'));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** The anchor GitHub gives a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-');
}
