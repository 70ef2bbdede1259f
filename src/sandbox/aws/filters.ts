import { refuse } from './errors.ts';
import type { Params } from './query.ts';
import type { Tags } from './records.ts';

/** What a filter name stands for in a record: the values of which one must match. */
export type FilterValues<T> = (record: T) => readonly (string | undefined)[];

/**
 * Builds the test that `Filter.N` of an EC2 describe makes: every filter must match, by any of its values. `*` and `?` are
 * wildcards. A filter nobody knows is refused, as EC2 does.
 */
export function readFilters<T extends { readonly tags: Tags }>(
  params: Params,
  known: Readonly<Record<string, FilterValues<T>>>,
): (record: T) => boolean {
  const tests = params.list('Filter').map((filter) => {
    const name = filter.text('Name') ?? '';
    const read = valuesOf(name, known);
    const matches = matcher(filter.texts('Value'));
    return (record: T) => read(record).some((value) => value !== undefined && matches(value));
  });
  return (record) => tests.every((test) => test(record));
}

function valuesOf<T extends { readonly tags: Tags }>(
  name: string,
  known: Readonly<Record<string, FilterValues<T>>>,
): FilterValues<T> {
  if (name.startsWith('tag:')) {
    const key = name.slice('tag:'.length);
    return (record) => [record.tags[key]];
  }
  if (name === 'tag-key') return (record) => Object.keys(record.tags);
  if (name === 'tag-value') return (record) => Object.values(record.tags);
  const read = known[name];
  if (read === undefined) throw refuse('InvalidParameterValue', `The filter '${name}' is invalid`);
  return read;
}

function matcher(values: readonly string[]): (value: string) => boolean {
  const exact = new Set(values.filter((value) => !/[*?]/.test(value)));
  const patterns = values.filter((value) => /[*?]/.test(value)).map(wildcard);
  return (value) => exact.has(value) || patterns.some((pattern) => pattern.test(value));
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}
