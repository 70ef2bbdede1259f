import { open } from 'node:fs/promises';

/** Who writes, and to what: one line of the audit log, as far as it is counted. */
interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/** Writes by what they did: `create nodes`, `patch nodes/status`, `create events`. */
export type Writes = ReadonlyMap<string, number>;

const writing = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/**
 * Counts what the operator wrote, as the API server recorded it: every request, refused ones too, told from others by
 * its user agent.
 */
export function createAudit(path: string, userAgentPrefix: string) {
  let offset = 0;
  let rest = '';
  return {
    /** The writes since the call before, or since the server started. */
    async since(): Promise<Writes> {
      const file = await open(path);
      const writes = new Map<string, number>();
      try {
        const chunk = Buffer.alloc(1 << 20);
        const decoder = new TextDecoder();
        for (;;) {
          const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
          if (bytesRead === 0) break;
          offset += bytesRead;
          const lines = (rest + decoder.decode(chunk.subarray(0, bytesRead), { stream: true })).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) count(line, userAgentPrefix, writes);
        }
      } finally {
        await file.close();
      }
      return writes;
    },
  };
}

function count(line: string, userAgentPrefix: string, writes: Map<string, number>): void {
  const event: AuditEvent = JSON.parse(line);
  if (event.stage !== 'ResponseComplete' || !writing.has(event.verb)) return;
  if (event.userAgent?.startsWith(userAgentPrefix) !== true) return;
  const { resource = '?', subresource } = event.objectRef ?? {};
  const what = `${event.verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  writes.set(what, (writes.get(what) ?? 0) + 1);
}

/** The sum of the writes whose description passes. */
export function total(writes: Writes, passes: (what: string) => boolean = () => true): number {
  return [...writes].reduce((sum, [what, n]) => (passes(what) ? sum + n : sum), 0);
}
