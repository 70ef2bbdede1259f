/**
 * Runs `work` over all items, at most `workers` at once. After an error no further item is begun. Rejects with the first
 * error, but not before all work that was begun has ended: it would go on behind the back of whoever repeats the whole.
 */
export async function inParallel<T>(
  workers: number,
  items: readonly T[],
  work: (item: T, position: number) => Promise<void>,
): Promise<void> {
  // One iterator for all workers: each takes what comes next.
  const left = items.entries();
  const errors: unknown[] = [];
  const worker = async () => {
    for (const [position, item] of left) {
      if (errors.length > 0) return;
      try {
        await work(item, position);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
}
