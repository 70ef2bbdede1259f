import type { z } from 'zod';
import { CloudError } from '../cloud.ts';

/** What does not fit its schema is `invalid`, with the path: no call is made with it. */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(
    ({ path, message }) => `${[what, ...path.map(String)].join('.')}: ${message}`,
  );
  throw new CloudError({
    api: 'validation',
    code: 'invalid',
    outcome: 'none',
    reason: 'InvalidSpec',
    message: issues.join('; '),
  });
}
