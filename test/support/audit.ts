import { open, stat } from 'node:fs/promises';
import { z } from 'zod';

const eventSchema = z.object({
  auditID: z.string(),
  stage: z.enum(['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic']),
  verb: z.string(),
  requestURI: z.string(),
  user: z.object({ username: z.string().optional() }),
  userAgent: z.string().optional(),
  objectRef: z
    .object({
      resource: z.string().optional(),
      subresource: z.string().optional(),
      apiGroup: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.object({ code: z.number().optional() }).optional(),
});

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ as far as tests read it. */
export type AuditEvent = z.infer<typeof eventSchema>;

const writeVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Where the log ends now, in bytes: give it to `readAudit` later to see only what came after. */
export async function auditPosition(auditLogPath: string): Promise<number> {
  return (await stat(auditLogPath)).size;
}

/**
 * The requests written to the log since `position`, one event for each; a watch that still runs is one, too. The server
 * writes a request down a moment after its caller has the answer.
 */
export async function readAudit(auditLogPath: string, position = 0): Promise<AuditEvent[]> {
  await using file = await open(auditLogPath);
  const latest = new Map<string, AuditEvent>();
  let rest = '';
  for await (const chunk of file.createReadStream({ start: position, encoding: 'utf8', autoClose: false })) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = eventSchema.parse(JSON.parse(line));
      latest.set(event.auditID, event);
    }
  }
  return [...latest.values()];
}

export interface Caller {
  readonly user?: string;
  /** Beginning of the User-Agent header. */
  readonly userAgent?: string;
  /** Of the object that was asked for. The server is shared, and what others do in their namespaces is in the log, too. */
  readonly namespace?: string;
}

export function by({ user, userAgent, namespace }: Caller): (event: AuditEvent) => boolean {
  return (event) =>
    (user === undefined || event.user.username === user) &&
    (userAgent === undefined || (event.userAgent ?? '').startsWith(userAgent)) &&
    (namespace === undefined || event.objectRef?.namespace === namespace);
}

/** Whether the request was to change something; refused ones count, since they cost the server the same. */
export function isWrite(event: AuditEvent): boolean {
  return writeVerbs.has(event.verb);
}

/** How often each object was written to: `nodes.peerage.dev chains/a` -> 3. Subresources count for their object. */
export function writesPerObject(events: readonly AuditEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events.filter(isWrite)) {
    const { resource = '', apiGroup, namespace, name = '' } = event.objectRef ?? {};
    const key = `${[resource, apiGroup].filter(Boolean).join('.')} ${[namespace, name].filter(Boolean).join('/')}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** The rights that were used, sorted, as RBAC words them: `patch nodes/status.peerage.dev`. */
export function verbsUsed(events: readonly AuditEvent[]): string[] {
  const used = new Set<string>();
  for (const { verb, objectRef } of events) {
    if (objectRef?.resource !== undefined) {
      const resource = [objectRef.resource, objectRef.subresource].filter(Boolean).join('/');
      used.add(`${verb} ${[resource, objectRef.apiGroup].filter(Boolean).join('.')}`);
    }
  }
  return [...used].sort();
}
