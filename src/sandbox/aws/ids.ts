/**
 * Ids as AWS shapes them: 17 hexadecimal digits behind a prefix. They come from a counter, so that a run can be repeated,
 * but are scattered, so that nobody can rely on their order.
 */
export interface Ids {
  /** `next('i')` gives `i-0...`. */
  next(prefix: string): string;
  /** Sixteen hexadecimal digits, as in ARNs of load balancers. */
  suffix(): string;
  /** A request id in the form of a UUID. */
  uuid(): string;
  /** How many were given out. */
  given(): number;
  /** Gives so many to nobody. */
  skip(count: number): void;
}

// Odd, so multiplication modulo 2^64 maps the counter one to one.
const spread = 0x9e3779b97f4a7c15n;

export function createIds(seed = 0n): Ids {
  let counter = seed;
  const suffix = (): string => {
    counter += 1n;
    return BigInt.asUintN(64, counter * spread)
      .toString(16)
      .padStart(16, '0');
  };
  return {
    given: () => Number(counter - seed),
    skip: (count) => {
      counter += BigInt(count);
    },
    next: (prefix) => `${prefix}-0${suffix()}`,
    suffix,
    uuid: () => {
      const text = suffix() + suffix();
      return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-8${text.slice(17, 20)}-${text.slice(20, 32)}`;
    },
  };
}
