import { expect, test } from 'vitest';
import type { Owner } from '../cloud.ts';
import { compareTags, filterValue, ownerOf, standingTags, tagMap, tagsFor, tokenOf } from './tags.ts';

test.each<Owner>([
  { cluster: 'c1', network: 'chains/dev', placement: 'east' },
  { cluster: 'c1', network: 'chains/dev', region: 'aws/123456789012/us-east-1' },
  { cluster: 'c1', node: 'chains/lone' },
  { cluster: 'c1' },
])('an owner comes back from its tags: %j', (owner) => {
  expect(ownerOf(tagsFor({ owner, tags: { team: 'x' } }))).toEqual(owner);
});

test('what lacks our cluster tag has no owner', () => {
  expect(ownerOf([{ Key: 'peerage-network', Value: 'chains/dev' }])).toBeUndefined();
  expect(ownerOf(undefined)).toBeUndefined();
});

test('the token comes back from the tags of a machine', () => {
  expect(tokenOf(tagsFor({ owner: { cluster: 'c1' }, token: 't-1' }))).toBe('t-1');
  expect(tokenOf([])).toBeUndefined();
});

test('wildcards in a name find nothing but themselves', () => {
  expect(filterValue('a*b?c\\d')).toBe('a\\*b\\?c\\\\d');
});

test('the note of forty keys fits into one tag, whatever their length', () => {
  const tags = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`${index}`.padStart(128, 'k'), '']),
  );
  const all = standingTags({ owner: { cluster: 'c1' }, tags });

  expect(all.map(({ Value }) => Value.length).every((length) => length <= 256)).toBe(true);
  expect(compareTags(standingTags({ owner: { cluster: 'c1' } }), tagMap(all)).surplus).toHaveLength(41);
  expect(compareTags(all, tagMap(all))).toEqual({ missing: [], surplus: [] });
});
