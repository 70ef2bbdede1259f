import { createHash } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * The first `length` characters (5 bits each, at most 51) of the SHA-256 of the value's stable JSON, in lower-case
 * base32: fit for names in Kubernetes and in every cloud. The same for equal values, for ever.
 */
export function hash(value: unknown, length = 26): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of createHash('sha256').update(stableJson(value)).digest()) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
    if (text.length >= length) break;
  }
  return text.slice(0, length);
}

/** JSON with the members of every object in order, so that equal values give equal text. Drops undefined members. */
export function stableJson(value: unknown): string {
  const text = JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
  return text ?? 'null';
}
