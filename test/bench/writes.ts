import { type AuditEvent, auditPosition, by, isWrite, readAudit } from '../support/audit.ts';

/** How often something happened: `patch nodes/status` or `ec2:RunInstances` -> times. */
export type Counts = ReadonlyMap<string, number>;

/**
 * Counts what the operator writes to the API server, as the server's audit log has it: every request, refused ones too,
 * told from those of others by the user agent. Answers the writes since the call before, or since the server started.
 */
export function createWriteCounter(auditLogPath: string, userAgent: string): () => Promise<Counts> {
  const isOperators = by({ userAgent });
  const seen = new Set<string>();
  let position = 0;
  return async () => {
    const until = await auditPosition(auditLogPath);
    const events = await readAudit(auditLogPath, position);
    // What was written while we read is behind `until`, and comes again the next time.
    const fresh = events.filter(({ auditID }) => !seen.has(auditID));
    for (const { auditID } of fresh) seen.add(auditID);
    position = until;
    return countWrites(fresh.filter(isOperators));
  };
}

export function countWrites(events: readonly AuditEvent[]): Counts {
  const counts = new Map<string, number>();
  for (const { verb, objectRef } of events.filter(isWrite)) {
    const what = `${verb} ${[objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/')}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

/** What came on top between two counts. */
export function difference(now: Counts, before: Counts): Counts {
  return new Map(
    [...now].map(([what, n]) => [what, n - (before.get(what) ?? 0)] as const).filter(([, n]) => n > 0),
  );
}

/** The sum over everything whose description passes. */
export function total(counts: Counts, passes: (what: string) => boolean = () => true): number {
  return [...counts].reduce((sum, [what, n]) => (passes(what) ? sum + n : sum), 0);
}

/** `ec2:RunInstances 12, ec2:DescribeInstances 3`, the most frequent first. */
export function describeCounts(counts: Counts): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([what, n]) => `${what} ${n}`)
    .join(', ');
}
