import { expect, test } from 'vitest';
import { allPages, chunksOf, paged } from './paging.ts';

const pages = new Map([
  [undefined, { items: ['a', 'b'], next: 'second' }],
  ['second', { items: undefined, next: 'third' }],
  ['third', { items: ['c'], next: '' }],
]);

test('a list is read to its last page, which an empty token tells as well', async () => {
  const asked: (string | undefined)[] = [];
  const all = await allPages(async (from) => {
    asked.push(from);
    return pages.get(from) ?? { items: [], next: undefined };
  });
  expect(all).toEqual(['a', 'b', 'c']);
  expect(asked).toEqual([undefined, 'second', 'third']);
});

test('a page is asked for when the one before has been used up', async () => {
  const told: string[] = [];
  const items = paged(async (from) => {
    told.push(`page ${from ?? 'first'}`);
    return pages.get(from) ?? { items: [], next: undefined };
  });
  for await (const item of items) told.push(item);
  expect(told).toEqual(['page first', 'a', 'b', 'page second', 'page third', 'c']);
});

test('a list that breaks off is no list', async () => {
  const broken = allPages(async (from) => {
    if (from !== undefined) throw new Error('throttled');
    return { items: ['a'], next: 'second' };
  });
  await expect(broken).rejects.toThrow('throttled');
});

test('what is too long for one call is cut in order', () => {
  expect(chunksOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunksOf([], 2)).toEqual([]);
});
