export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`thrown, but no error: ${String(thrown)}`);
}

/** The whole story in one line: `launching node chains/a: RunInstances: connect ECONNREFUSED`. */
export function describeError(thrown: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  for (let at: unknown = thrown; at !== undefined && at !== null && !seen.has(at); ) {
    seen.add(at);
    const text = errorText(at);
    // A wrapper often ends with the text of what it wraps.
    if (!parts.at(-1)?.endsWith(text)) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}

function errorText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // Node joins several failed connection attempts into one error without a message.
  if (thrown instanceof AggregateError && thrown.message === '') {
    return thrown.errors.map((error) => describeError(error)).join(', ');
  }
  return thrown.message === '' ? thrown.name : thrown.message;
}
