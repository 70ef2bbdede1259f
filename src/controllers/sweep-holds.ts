import type { CloudName } from '../clouds/index.ts';

/** What the sweep of one region holds back. */
export interface Hold {
  readonly cloud: CloudName;
  /** Cloud, account and region. */
  readonly region: string;
  /** Keys of the CloudCredentials that opened it. */
  readonly credentials: readonly string[];
  /** Machines without an object, more than an hour may remove; none: 0. */
  readonly held: number;
}

/** Remembers from sweep to sweep what is held back, for conditions and the metric. */
export interface SweepHolds {
  note(hold: Hold): void;
  /** Where anything is held that this CloudCredential could remove; undefined before a sweep that it opened a region for. */
  of(credential: string): readonly Hold[] | undefined;
  total(cloud: string): number;
  /** The CloudCredential is gone, and with the last one of a region what is known of that. */
  forget(credential: string): void;
}

/** `onChange`: something else is held than before in a region that this CloudCredential opened. */
export function createSweepHolds(onChange: (credential: string) => void): SweepHolds {
  const holds = new Map<string, Hold>();
  return {
    note(hold) {
      const before = holds.get(hold.region);
      holds.set(hold.region, hold);
      const concerned = new Set([...hold.credentials, ...(before?.credentials ?? [])]);
      for (const credential of concerned) {
        const was = before?.credentials.includes(credential) ? before.held : undefined;
        const is = hold.credentials.includes(credential) ? hold.held : undefined;
        if (was !== is) onChange(credential);
      }
    },
    of(credential) {
      const here = [...holds.values()].filter(({ credentials }) => credentials.includes(credential));
      return here.length === 0 ? undefined : here.filter(({ held }) => held > 0);
    },
    total: (cloud) =>
      [...holds.values()].reduce((sum, hold) => sum + (hold.cloud === cloud ? hold.held : 0), 0),
    forget(credential) {
      for (const [region, hold] of holds) {
        const left = hold.credentials.filter((key) => key !== credential);
        if (left.length === 0) holds.delete(region);
        else holds.set(region, { ...hold, credentials: left });
      }
    },
  };
}
