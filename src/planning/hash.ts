import { createHash } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** The first `length` characters of a SHA-256 over the parts, in lower-case base32: fits DNS labels. */
export function shortHash(length: number, ...parts: readonly (string | number)[]): string {
  const digest = createHash('sha256').update(parts.map((part) => `${String(part).length}:${part}`).join('')).digest();
  let text = '';
  for (const byte of digest) text += alphabet[byte & 31];
  return text.slice(0, length);
}
