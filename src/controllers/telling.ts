import type { Condition } from '../api/common.ts';
import type { Reason } from '../api/reasons.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { KubeObject } from '../kube/object.ts';
import { networkKeyOf } from './belonging.ts';
import type { Caches } from './caches.ts';
import { findCondition } from './conditions.ts';
import type { Standing } from './status.ts';

/** Goes on by itself, and is worth a word when it begins. What only a person can mend always is. */
const TROUBLE: ReadonlySet<Reason> = new Set([
  'OutOfCapacity',
  'Throttled',
  'CloudUnavailable',
  'Unhealthy',
  'HealthCheckFailed',
  'InternalError',
]);

export interface Told {
  /** Whom it befell. */
  readonly object: KubeObject;
  /** As they stand in the API server. */
  readonly before: readonly Condition[] | undefined;
  readonly standing: Standing;
}

export type Telling = (told: Told) => void;

/**
 * Tells of trouble by a Warning when it begins, and of the same again only after the object was Ready in between: between
 * two tries it looks as if all went on. What began under an earlier operator stands in the conditions, and was told by it.
 * A thousand Nodes of a Network with one trouble are one Event, with their number.
 */
export function createTelling({
  networks,
  nodes,
  credentials,
  events,
}: Pick<Caches, 'networks' | 'nodes' | 'credentials'> & { readonly events: EventRecorder }): Telling {
  /** Reasons by UID. */
  const told = new Map<string, Set<Reason>>();
  for (const cache of [networks, nodes, credentials])
    cache.onChange(({ now, before }) => {
      if (now === undefined && before !== undefined) told.delete(before.metadata.uid);
    });

  return ({ object, before, standing: { kind, reason, message } }) => {
    const { uid, name } = object.metadata;
    if (kind === 'ready') told.delete(uid);
    // Its Nodes have told what it is.
    if (reason === 'NodesStalled') return;
    if (kind !== 'stalled' && !(kind === 'working' && TROUBLE.has(reason))) return;
    const reasons = told.get(uid) ?? new Set();
    told.set(uid, reasons);
    if (reasons.has(reason)) return;
    reasons.add(reason);
    if (findCondition(before, 'Ready')?.reason === reason) return;
    const network = object.kind === 'Node' ? networks.get(networkKeyOf(object) ?? '') : undefined;
    const note = network === undefined ? message : `${name}: ${message}`;
    events.event({
      regarding: network ?? object,
      type: 'Warning',
      reason,
      action: 'Reconcile',
      note,
      alike: reason,
    });
  };
}
