import type { Clock } from '../runtime/clock.ts';
import { describeError } from '../runtime/errors.ts';
import { hash } from '../runtime/hash.ts';
import type { Logger } from '../runtime/logger.ts';
import type { KubeClient } from './client.ts';
import { isForbiddenNamespaceTerminating, isNotFound } from './errors.ts';
import { type KubeObject, microTime, type ObjectName } from './object.ts';
import type { ResourceDefinition } from './resource.ts';

export interface NewEvent {
  /** What it is about; carries apiVersion and kind as every object from `kube` does. */
  readonly regarding: KubeObject;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, from a closed list. */
  readonly reason: string;
  /** CamelCase: what was being done. */
  readonly action: string;
  /** For people; cut at 1024 bytes. */
  readonly note: string;
  /** Events of one reason and action that share this count as the same, whatever their notes. Default: the note. */
  readonly alike?: string;
}

export interface EventRecorder {
  /** Never fails and never waits: an Event that cannot be written is dropped. */
  event(event: NewEvent): void;
  /** Resolves when all that was recorded is written or dropped. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `peerage.dev/operator` */
  readonly reportingController: string;
  /** The process, such as its Pod's name. */
  readonly reportingInstance: string;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const events: ResourceDefinition = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
  parse: (raw) => raw,
};

const maxNoteBytes = 1024;
/** The same again within this time is counted on the first one. */
const seriesMs = 600_000;
const maxSeries = 2_000;
const maxWaiting = 1_000;
/** Per object, as in client-go: so many at once, one more each five minutes. */
const objectBurst = 25;
const objectRefillMs = 300_000;

interface Series {
  readonly key: string;
  readonly name: ObjectName;
  count: number;
  lastAt: number;
  /** The count at which it is written again. */
  writeAt: number;
}

/**
 * Writes Events in the background, one after the other. The same Event again raises a count on the first, written at the
 * 2nd, 4th, 8th, ... time, so that a failure that repeats for a day costs ten writes. Needs create and patch.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, logger, reportingController, reportingInstance } = options;
  const resource = client.resource(events);
  const known = new Map<string, Series>();
  const allowances = new Map<string, { tokens: number; at: number }>();
  const waiting: { readonly series: Series; readonly call: () => Promise<unknown> }[] = [];
  let tooMany = 0;
  let writing: Promise<void> | undefined;

  function write(series: Series, call: () => Promise<unknown>): void {
    if (waiting.length >= maxWaiting) {
      tooMany += 1;
      forget(series);
      return;
    }
    waiting.push({ series, call });
    writing ??= drain().finally(() => {
      writing = undefined;
    });
  }

  /** What was not written has no count to raise: the same again is written anew. */
  function forget(series: Series): void {
    if (known.get(series.key) === series) known.delete(series.key);
  }

  async function drain(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await next.call();
      } catch (error) {
        forget(next.series);
        // A namespace on its way out takes no Event; everything else is worth a line, but no more.
        if (!isForbiddenNamespaceTerminating(error) && !isNotFound(error)) {
          logger.warn({ error: describeError(error) }, 'event dropped');
        }
      }
    }
    if (tooMany > 0) logger.warn({ events: tooMany }, 'events dropped, too many at once');
    tooMany = 0;
  }

  function allowed(uid: string, now: number): boolean {
    const last = allowances.get(uid) ?? { tokens: objectBurst, at: now };
    const tokens = Math.min(objectBurst, last.tokens + (now - last.at) / objectRefillMs);
    allowances.delete(uid);
    allowances.set(uid, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    dropOldest(allowances, maxSeries);
    return tokens >= 1;
  }

  function create(key: string, { regarding, note, alike: _, ...event }: NewEvent, now: number): void {
    const { apiVersion, kind, metadata } = regarding;
    // Events about things outside of namespaces live in `default`, as kubectl expects.
    const namespace = metadata.namespace ?? 'default';
    const name = `${metadata.name.slice(0, 200)}.${hash([key, clock.now(), reportingInstance], 13)}`;
    const series: Series = { key, name: { namespace, name }, count: 1, lastAt: now, writeAt: 2 };
    known.set(key, series);
    dropOldest(known, maxSeries);
    const at = microTime(clock.now());
    const { name: about, uid, resourceVersion } = metadata;
    write(series, () =>
      resource.create({
        metadata: { namespace, name },
        ...event,
        note: cut(note),
        eventTime: at,
        reportingController,
        reportingInstance: reportingInstance.slice(0, 128),
        regarding: { apiVersion, kind, namespace: metadata.namespace, name: about, uid, resourceVersion },
      }),
    );
  }

  function repeat(series: Series, now: number): void {
    series.count += 1;
    series.lastAt = now;
    if (series.count < series.writeAt) return;
    series.writeAt = series.count * 2;
    const body = { series: { count: series.count, lastObservedTime: microTime(clock.now()) } };
    write(series, () => resource.patch(series.name, body, { type: 'merge' }));
  }

  return {
    event(event) {
      const now = clock.monotonic();
      const { regarding, type, reason, action, note, alike = note } = event;
      const { uid } = regarding.metadata;
      const key = hash([uid, type, reason, action, alike]);
      const series = known.get(key);
      if (series !== undefined && now - series.lastAt < seriesMs) repeat(series, now);
      else if (allowed(uid, now)) create(key, event, now);
    },
    async flush() {
      await writing;
    },
  };
}

/** A Map keeps the order in which keys came in. */
function dropOldest<V>(map: Map<string, V>, size: number): void {
  for (const key of map.keys()) {
    if (map.size <= size) return;
    map.delete(key);
  }
}

function cut(note: string): string {
  if (Buffer.byteLength(note) <= maxNoteBytes) return note;
  // A character cut in two at the end decodes to U+FFFD.
  const start = Buffer.from(note)
    .subarray(0, maxNoteBytes - 3)
    .toString('utf8');
  return `${start.replace(/\uFFFD+$/, '')}…`;
}
