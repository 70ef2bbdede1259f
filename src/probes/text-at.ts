/** Longer than any address or name; the program that answers is not ours, and what it says is kept. */
const maxTextLength = 4096;

/**
 * The text at `path`, names and positions with dots between them, in what a JSON-RPC call was answered with. Undefined:
 * nothing there that is a text, or one that is too long.
 */
export function textAt(result: unknown, path: string): string | undefined {
  let at = result;
  for (const step of path === '' ? [] : path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = Object.entries(at).find(([name]) => name === step)?.[1];
  }
  if (typeof at === 'number') return String(at);
  if (typeof at !== 'string') return undefined;
  const text = at.trim();
  return text === '' || text.length > maxTextLength ? undefined : text;
}
