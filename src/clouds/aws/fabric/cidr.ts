import { isIPv4, isIPv6 } from 'node:net';

/**
 * The form AWS gives a CIDR: bits behind the prefix cleared, IPv6 in lower case and shortened. What is no CIDR stays
 * as it is, for AWS to refuse.
 */
export function normalCidr(written: string): string {
  const [address = '', bits] = written.trim().split('/');
  if (isIPv4(address)) {
    const prefix = bits === undefined ? 32 : Number(bits);
    const value = address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
    const kept = clear(value, 32, prefix);
    return `${[24n, 16n, 8n, 0n].map((shift) => (kept >> shift) & 255n).join('.')}/${prefix}`;
  }
  if (isIPv6(address) && !address.includes('%')) {
    const prefix = bits === undefined ? 128 : Number(bits);
    const hex = clear(ipv6Value(address), 128, prefix).toString(16).padStart(32, '0');
    // The URL parser shortens an IPv6 address as RFC 5952 says.
    const { hostname } = new URL(`http://[${hex.match(/.{4}/g)?.join(':')}]`);
    return `${hostname.slice(1, -1)}/${prefix}`;
  }
  return written;
}

function clear(value: bigint, width: number, prefix: number): bigint {
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > width) return value;
  const rest = BigInt(width - prefix);
  return (value >> rest) << rest;
}

function ipv6Value(address: string): bigint {
  // Normalised by the URL parser first, so that no dotted tail is left.
  const [front = '', back] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const words = (text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const head = words(front);
  const tail = words(back);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].reduce((sum, word) => (sum << 16n) | BigInt(`0x${word}`), 0n);
}
