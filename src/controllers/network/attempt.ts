import type { Backoff } from '../backoff.ts';
import { troubleOf } from '../trouble.ts';
import type { SiteTrouble } from './site.ts';

/** Runs `work`; answers what a cloud or a credential has against it. */
export async function attempt(
  troubles: Backoff,
  key: string,
  work: () => Promise<void>,
): Promise<SiteTrouble | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const trouble = troubleOf(error, troubles.failures(key));
    if (trouble === undefined) throw error;
    troubles.fail(key, trouble);
    return { ...trouble, waitMs: trouble.retryAfterMs };
  }
}
