import { refuse } from './errors.ts';
import type { Store } from './store.ts';

export interface Page<T> {
  readonly values: readonly T[];
  /** Opaque to callers; absent on the last page. */
  readonly next: string | undefined;
}

/**
 * The records after `token`, at most `size`. A token names a place in the order of creation, so a record that appears or
 * goes between two pages makes no other record appear twice or be left out.
 */
export function pageOf<T extends { readonly id: string }>(
  store: Store<T>,
  records: readonly T[],
  request: {
    readonly token: string | undefined;
    readonly size: number | undefined;
    readonly badToken: string;
  },
): Page<T> {
  const after = request.token === undefined ? 0 : readToken(request.token, request.badToken);
  const rest = after === 0 ? records : records.filter((record) => store.ordinal(record.id) > after);
  if (request.size === undefined || rest.length <= request.size) return { values: rest, next: undefined };
  const values = rest.slice(0, request.size);
  const last = values.at(-1);
  return { values, next: last === undefined ? undefined : writeToken(store.ordinal(last.id)) };
}

function writeToken(ordinal: number): string {
  return Buffer.from(`page:${ordinal}`).toString('base64url');
}

function readToken(token: string, badToken: string): number {
  const match = /^page:(\d+)$/.exec(Buffer.from(token, 'base64url').toString());
  if (match?.[1] === undefined) throw refuse(badToken, `The token '${token}' is invalid`);
  return Number(match[1]);
}
