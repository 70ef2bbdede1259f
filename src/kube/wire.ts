import type { IncomingMessage } from 'node:http';
import { KubeError, type StatusBody } from './errors.ts';
import type { KubeObject } from './object.ts';
import { type Answer, type Call, readText } from './transport.ts';

// The server's JSON is taken at its word here: it has checked every object against the kind's schema. What our own
// kinds need beyond that, `ResourceDefinition.parse` looks at.

export interface Page {
  readonly items?: readonly KubeObject[] | null;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

export type RawEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'ERROR'; readonly object: StatusBody };

export function parseObject(text: string): KubeObject {
  return JSON.parse(text);
}

export function parsePage(text: string): Page {
  return JSON.parse(text);
}

/** Throws KubeError for a line that is no event, or the one by which the server says that the watch failed. */
export function parseEvent(call: Call, line: string): Exclude<RawEvent, { type: 'ERROR' }> {
  let event: RawEvent;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw new KubeError(call.what, {
      status: 0,
      reason: 'NoAnswer',
      body: { message: 'cut off inside an event' },
      cause,
    });
  }
  if (event.type !== 'ERROR') return event;
  const body = event.object;
  throw new KubeError(call.what, { status: body.code ?? 0, reason: body.reason ?? 'Unknown', body });
}

/** The error for an answer outside of 200 to 299. Proxies and dying servers answer in plain text. */
export function refusal(call: Call, { status, text, retryAfter }: Answer): KubeError {
  let body: StatusBody = { message: text.trim().slice(0, 300) || `HTTP ${status}` };
  try {
    const parsed: StatusBody & { kind?: string } = JSON.parse(text);
    if (parsed.kind === 'Status') body = parsed;
  } catch {
    // Plain text then.
  }
  const retryAfterSeconds = body.details?.retryAfterSeconds ?? (Number(retryAfter) || undefined);
  return new KubeError(call.what, {
    status,
    reason: body.reason ?? `HTTP${status}`,
    body,
    retryAfterSeconds,
  });
}

/** Splits a streamed answer into its lines. Fails when nothing comes for `idleMs`: the other side may be gone. */
export async function* lines(
  call: Call,
  answer: IncomingMessage,
  idleMs: number,
): AsyncGenerator<string, void> {
  // Node's own timer, since it begins anew with each byte.
  answer.setTimeout(idleMs, () => answer.destroy(new Error(`silent for ${idleMs / 1000} s`)));
  const status = answer.statusCode ?? 0;
  let rest = '';
  try {
    if (status !== 200) {
      const retryAfter = answer.headers['retry-after'];
      throw refusal(call, { status, text: await readText(answer), retryAfter });
    }
    answer.setEncoding('utf8');
    for await (const chunk of answer) {
      rest += chunk;
      let start = 0;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
        if (end > start) yield rest.slice(start, end);
        start = end + 1;
      }
      rest = rest.slice(start);
    }
  } catch (cause) {
    if (cause instanceof KubeError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new KubeError(call.what, { status: 0, reason: 'NoAnswer', body: { message }, cause });
  }
}
