/** Lists that are too long for one answer, or for one call. */

export interface Page<Item> {
  readonly items: readonly Item[] | undefined;
  /** Where the next page begins; absent or empty: this is the last one. */
  readonly next: string | undefined;
}

type ReadPage<Item> = (from: string | undefined) => Promise<Page<Item>>;

/** Item by item to the last page, so that no page is kept longer than needed. */
export async function* paged<Item>(readPage: ReadPage<Item>): AsyncGenerator<Item, void> {
  let from: string | undefined;
  do {
    const { items, next } = await readPage(from);
    yield* items ?? [];
    from = next === '' ? undefined : next;
  } while (from !== undefined);
}

export async function allPages<Item>(readPage: ReadPage<Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const item of paged(readPage)) items.push(item);
  return items;
}

/** In order, at most `size` in each. */
export function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
