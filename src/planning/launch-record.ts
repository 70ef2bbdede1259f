/**
 * The annotation `peerage.dev/launch`: which call to the cloud is to make a Node's machine. The record of the head
 * (index 0) is the commit of a batch: it is written last, no call comes before it, and it alone holds all that is
 * needed to make the same call again.
 */
import { z } from 'zod';
import type { Json, LaunchRequest } from '../clouds/cloud.ts';

const launchRecord = z.object({
  /** Idempotency token of the launch. */
  token: z.string(),
  /** Position in the batch; the cloud numbers the machines of one launch in the same way. */
  index: z.int().min(0),
  /** 1 for the first launch of this Node. */
  attempt: z.int().min(1),
  account: z.string(),
  cluster: z.string(),
  region: z.string(),
  zone: z.string(),
  head: z.object({ name: z.string(), uid: z.string() }),
  /** RFC 3339; when the batch was put together. */
  at: z.string(),
  /** Head only: names of the Nodes by index. */
  members: z.array(z.string()).readonly().optional(),
  /** Head only: each member with its ordinal in the placement, in the order of `members`; absent from older records. */
  rows: z
    .array(z.object({ name: z.string(), index: z.int().min(0) }))
    .readonly()
    .optional(),
  /** Head only: what the machines are told of their peers, where the client asks for it. */
  peers: z
    .object({ bootnodes: z.array(z.string()).readonly(), peers: z.array(z.string()).readonly() })
    .optional(),
  /** Head only: what the cloud resolved for the call. */
  resolved: z.custom<Json>(() => true).optional(),
  /** Head only: tokens this Node committed before; theirs were calls that may have happened. */
  spent: z.array(z.string()).readonly().optional(),
});
export type LaunchRecord = z.output<typeof launchRecord>;

/** How many former tokens a head remembers: more than can be open inside one read-lag window, all zones tried in each round. */
const rememberedTokens = 64;

/** Undefined when there is none. Throws when the annotation is not what the operator writes. */
export function parseLaunchRecord(annotation: string | undefined): LaunchRecord | undefined {
  if (annotation === undefined) return undefined;
  return launchRecord.parse(JSON.parse(annotation));
}

export function formatLaunchRecord(record: LaunchRecord): string {
  return JSON.stringify(record);
}

/** What each machine of the launch is told of itself, by its index in the launch. Older heads told positions for ordinals. */
export function rowsOf({ rows, members = [] }: LaunchRecord): LaunchRequest['rows'] {
  return rows ?? members.map((name, index) => ({ name, index }));
}

/** Tokens to remember in the next record of a Node that held `former`. */
export function spentAfter(former: LaunchRecord | undefined): readonly string[] {
  if (former === undefined) return [];
  const committed = former.members === undefined ? [] : [former.token];
  return [...(former.spent ?? []), ...committed].slice(-rememberedTokens);
}
