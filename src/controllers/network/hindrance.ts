/** What a Network says of those of its Nodes that are not Ready yet. */
import type { Node } from '../../api/node.ts';
import { findCondition } from '../conditions.ts';
import type { Seen } from '../kinds.ts';

/** Who is younger mostly only starts. */
const youngMs = 60_000;
const mostCharacters = 160;

/**
 * `; name: words` of one Node, or nothing: what went wrong last with one that is tried again by itself (no capacity, too many
 * calls, an operator that failed), else what most of those say that are unwell, or start for long. `now`: epoch ms.
 */
export function hindrance(all: readonly Seen<Node>[], now: number): string {
  return failure(all) ?? complaint(all, now) ?? '';
}

function failure(all: readonly Seen<Node>[]): string | undefined {
  for (const { metadata, parsed } of all) {
    if (!parsed.ok) continue;
    const { lastError, conditions } = parsed.value.status;
    const ready = findCondition(conditions, 'Ready');
    const words = ready?.reason === 'InternalError' ? ready.message : lastError;
    if (words !== undefined) return `; ${metadata.name}: ${words}`;
  }
  return undefined;
}

function complaint(all: readonly Seen<Node>[], now: number): string | undefined {
  const groups = new Map<string, { readonly said: string; readonly count: number }>();
  for (const { metadata, parsed } of all) {
    if (!parsed.ok || metadata.deletionTimestamp !== undefined) continue;
    const { phase, conditions, machine } = parsed.value.status;
    const isLate = phase === 'Starting' && now - Date.parse(metadata.creationTimestamp) >= youngMs;
    if (phase !== 'Unhealthy' && !isLate) continue;
    const { message = '' } = findCondition(conditions, 'Ready') ?? {};
    const words = message.replace(`machine ${machine?.id} `, '');
    if (words === '') continue;
    // Two that were restarted a different number of times have the same trouble.
    const kind = words.replaceAll(/\d+/g, '#');
    const group = groups.get(kind) ?? { said: `; ${metadata.name}: ${shorten(words)}`, count: 0 };
    groups.set(kind, { ...group, count: group.count + 1 });
  }
  const most = Math.max(...[...groups.values()].map(({ count }) => count));
  return [...groups.values()].find(({ count }) => count === most)?.said;
}

function shorten(words: string): string {
  return words.length <= mostCharacters ? words : `${words.slice(0, mostCharacters)}...`;
}
