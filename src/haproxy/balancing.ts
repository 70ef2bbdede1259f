/** What an HAProxy is to balance, in words of its own: no kind and no cloud is known here. */

export const ALGORITHMS = [
  'RoundRobin',
  'LeastConnections',
  'Weighted',
  'Random',
  'Source',
  'First',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface Balancing {
  readonly ports: readonly BalancedPort[];
  /** Where it answers `GET /;csv` with its statistics. */
  readonly stats: { readonly address: string; readonly port: number };
  /** How long connections may go on that an earlier configuration took. */
  readonly drainSeconds: number;
}

export interface BalancedPort {
  /** Where clients connect, 1-65535. */
  readonly port: number;
  /** `HTTP` balances each request, also of one connection, and lets WebSockets through; `TCP` balances connections. */
  readonly protocol: 'TCP' | 'HTTP';
  readonly algorithm: Algorithm;
  /** CIDRs that may connect. */
  readonly sourceRanges: readonly string[];
  /** In failover order for `First`. */
  readonly servers: readonly Server[];
  readonly check: Check;
}

export interface Server {
  /** Letters, digits, `-`, `_`, `.`, `:`; unique in its port. */
  readonly name: string;
  /** IP address or DNS name; names are resolved again while it runs. */
  readonly address: string;
  readonly port: number;
  /** Where the check asks. Absent: `port`. */
  readonly checkPort?: number;
  /** Share under `Weighted`, 0-256. */
  readonly weight?: number;
}

export type Check = { readonly intervalSeconds: number } & (
  | { readonly kind: 'tcp' }
  | { readonly kind: 'http'; readonly path: string; readonly status: number }
  | {
      readonly kind: 'jsonRpc';
      readonly path: string;
      readonly method: string;
      readonly params?: unknown;
      readonly result?: unknown;
    }
);
