import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again, with a pause between two answers, until one is not undefined. Rejects when `signal` aborts. */
export async function poll<T>(
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
  ask: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(everyMs, undefined, { signal });
  }
}
