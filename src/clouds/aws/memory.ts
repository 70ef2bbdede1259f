export interface MemoryOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly keepMs: number;
}

/** Answers a question once for everyone who asks within `keepMs`. Failures are not kept. */
export function createMemory<Answer>({ now, keepMs }: MemoryOptions) {
  const entries = new Map<string, { readonly answer: Promise<Answer>; readonly until: number }>();
  return (question: string, ask: () => Promise<Answer>): Promise<Answer> => {
    for (const [key, { until }] of entries) {
      if (until <= now()) entries.delete(key);
    }
    const kept = entries.get(question);
    if (kept !== undefined) return kept.answer;
    const answer = ask();
    entries.set(question, { answer, until: now() + keepMs });
    answer.catch(() => entries.delete(question));
    return answer;
  };
}
