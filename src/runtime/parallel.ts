/** Runs `work` over all items, at most `workers` at once. The first error ends it. */
export async function inParallel<T>(
  workers: number,
  items: readonly T[],
  work: (item: T, position: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let position = next++; position < items.length; position = next++) {
      for (const item of items.slice(position, position + 1)) await work(item, position);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, worker));
}
