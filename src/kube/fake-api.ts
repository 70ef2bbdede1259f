import type { KubeClient } from './client.ts';
import { isNotFound, KubeError } from './errors.ts';
import { compareVersions, deepFreeze, type KubeObject, keyOf, type ObjectName } from './object.ts';
import type { NewObject, Resource, ResourceDefinition, WatchEvent } from './resource.ts';

type Verb = 'get' | 'list' | 'create' | 'patch' | 'delete' | 'watch';
type Json = { readonly [member: string]: unknown };

interface Happened {
  readonly plural: string;
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

/** How watches were last told something that is no change of an object. */
interface Told {
  readonly round: number;
  readonly version: number;
}

export interface FakeApi extends KubeClient {
  /** Every call made: `patch nodes chains/a`. */
  readonly calls: string[];
  /** The next call of the verb is answered with this instead. */
  failNext(verb: Verb, error: Error): void;
  /** The next call of the verb is carried out, and its answer is lost. */
  loseNextAnswer(verb: Verb): void;
  /** Ends all watches: with an error, or as if their time were over. */
  endWatches(error?: Error): void;
  /** From now on watches can no longer begin at a version before the present one. */
  forgetHistory(): void;
  /** Tells every watch the present version, as the server does once a minute. */
  bookmark(): void;
  /** Watches being served now. */
  readonly watches: number;
}

/**
 * An API server for tests, in memory: objects with resourceVersions, optimistic locking, finalizers, watches that
 * resume from a version. Not in it: schemas, defaults, admission, owners' garbage collection, and what
 * server-side apply takes away.
 */
export function createFakeApi(now: () => number = () => 0): FakeApi {
  const kinds = new Map<string, Map<string, KubeObject>>();
  const history: Happened[] = [];
  const listeners = new Set<() => void>();
  const failures = new Map<Verb, Error[]>();
  const losses = new Map<Verb, number>();
  const calls: string[] = [];
  let version = 1;
  let oldest = 0;
  let ended: { readonly round: number; readonly error: Error | undefined } = { round: 0, error: undefined };
  let bookmarked: Told = { round: 0, version: 0 };
  let watches = 0;

  const wake = () => {
    for (const listener of [...listeners]) listener();
  };

  function happen(plural: string, type: Happened['type'], object: KubeObject): KubeObject {
    version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(version) };
    // As it comes over the wire: without undefined members.
    const after: KubeObject = deepFreeze(JSON.parse(JSON.stringify({ ...object, metadata })));
    const objects = objectsOf(plural);
    const isGone = metadata.deletionTimestamp !== undefined && !metadata.finalizers?.length;
    if (type === 'DELETED' || isGone) objects.delete(keyOf(metadata));
    else objects.set(keyOf(metadata), after);
    history.push({ plural, version, type: isGone ? 'DELETED' : type, object: after });
    wake();
    return after;
  }

  function objectsOf(plural: string): Map<string, KubeObject> {
    const objects = kinds.get(plural) ?? new Map<string, KubeObject>();
    kinds.set(plural, objects);
    return objects;
  }

  /** Notes the call, fails it if so asked, and loses its answer if so asked. */
  async function call<R>(verb: Verb, plural: string, name: string, work: () => R): Promise<R> {
    calls.push(`${verb} ${plural} ${name}`.trim());
    await Promise.resolve();
    const failure = failures.get(verb)?.shift();
    if (failure !== undefined) throw failure;
    const result = work();
    const lost = losses.get(verb) ?? 0;
    if (lost > 0) {
      losses.set(verb, lost - 1);
      throw new KubeError(verb, { status: 0, reason: 'NoAnswer' });
    }
    return result;
  }

  function resource<T extends KubeObject>(definition: ResourceDefinition<T>): Resource<T> {
    const { plural, group } = definition;
    const apiVersion = group === '' ? definition.version : `${group}/${definition.version}`;
    const objects = objectsOf(plural);
    const existing = (name: ObjectName): KubeObject => {
      const object = objects.get(keyOf(name));
      if (object === undefined) throw refused(404, 'NotFound', `${plural} ${keyOf(name)} not found`);
      return object;
    };
    return {
      definition,
      get: (name) =>
        call('get', plural, keyOf(name), () => {
          const object = objects.get(keyOf(name));
          return object && definition.parse(object);
        }),
      list: ({ namespace } = {}) =>
        call('list', plural, namespace ?? '', () => ({
          items: [...objects.values()]
            .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
            .map((object) => definition.parse(object)),
          resourceVersion: String(version),
        })),
      create: (body) =>
        call('create', plural, keyOf(body.metadata), () => {
          const object = { ...toJson(body), apiVersion, kind: definition.kind, metadata: metadataFor(body) };
          if (objects.has(keyOf(object.metadata)))
            throw refused(409, 'AlreadyExists', `${plural} already exists`);
          return definition.parse(happen(plural, 'ADDED', object));
        }),
      patch: (name, body, { type, subresource }) =>
        call('patch', plural, keyOf(name), () => {
          if (type === 'apply' && !objects.has(keyOf(name))) {
            const { metadata, ...rest } = toJson(body);
            const created = { ...metadataFor({ metadata: name }), ...toJson(metadata), ...name };
            const object = { ...rest, apiVersion, kind: definition.kind, metadata: created };
            return definition.parse(happen(plural, 'ADDED', object));
          }
          const before = existing(name);
          const patch = toJson(body);
          const metadata = toJson(patch.metadata);
          const { resourceVersion } = metadata;
          if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
            throw refused(409, 'Conflict', 'the object has been modified');
          }
          const { metadata: _, status, ...rest } = patch;
          const changes = subresource === 'status' ? { status } : rest;
          const merged = { ...before, spec: undefined, status: undefined, ...toJson(merge(before, changes)) };
          const changed = JSON.stringify(merged.spec) !== JSON.stringify(before.spec);
          const generation = (before.metadata.generation ?? 0) + (changed ? 1 : 0);
          const after = {
            ...merged,
            metadata: {
              ...{ ...before.metadata, ...withoutOptional, ...toJson(merge(before.metadata, metadata)) },
              generation,
            },
          };
          if (JSON.stringify(after) === JSON.stringify(before)) return definition.parse(before);
          const made = happen(plural, 'MODIFIED', after);
          if (objects.has(keyOf(made.metadata))) return definition.parse(made);
          // Its last finalizer is gone and so is it: the server answers with the version before, as it wrote none.
          return definition.parse({
            ...made,
            metadata: { ...made.metadata, resourceVersion: before.metadata.resourceVersion },
          });
        }),
      delete: async (name, { uid } = {}) => {
        try {
          return await call('delete', plural, keyOf(name), () => {
            const before = existing(name);
            const { metadata } = before;
            if (uid !== undefined && uid !== metadata.uid)
              throw refused(409, 'Conflict', 'the UID is another');
            if (metadata.deletionTimestamp !== undefined) return definition.parse(before);
            const deletionTimestamp = new Date(now()).toISOString();
            const after = happen(plural, 'MODIFIED', {
              ...before,
              metadata: { ...metadata, deletionTimestamp },
            });
            return metadata.finalizers?.length ? definition.parse(after) : undefined;
          });
        } catch (error) {
          if (isNotFound(error)) return undefined;
          throw error;
        }
      },
      async *watch({ namespace, resourceVersion, signal }): AsyncGenerator<WatchEvent<T>, void> {
        await call('watch', plural, `${namespace ?? ''} from ${resourceVersion}`, () => undefined);
        if (compareVersions(resourceVersion, String(oldest)) < 0) throw refused(410, 'Expired', 'too old');
        const { round } = ended;
        let bookmark = bookmarked.round;
        let seen = Number(resourceVersion);
        watches += 1;
        try {
          for (;;) {
            const upTo = history.length;
            for (const event of history.filter((one) => one.plural === plural && one.version > seen)) {
              seen = event.version;
              if (namespace !== undefined && event.object.metadata.namespace !== namespace) continue;
              yield { type: event.type, object: definition.parse(event.object) };
            }
            if (bookmarked.round !== bookmark) {
              bookmark = bookmarked.round;
              yield { type: 'BOOKMARK', resourceVersion: String(bookmarked.version) };
            }
            // More may have happened while the reader was busy with these.
            if (history.length > upTo) continue;
            if (signal?.aborted) throw new KubeError('watch', { status: 0, reason: 'NoAnswer' });
            if (ended.round !== round) {
              if (ended.error !== undefined) throw ended.error;
              return;
            }
            await woken(signal);
          }
        } finally {
          watches -= 1;
        }
      },
    };
  }

  function woken(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const listener = () => {
        listeners.delete(listener);
        signal?.removeEventListener('abort', listener);
        resolve();
      };
      listeners.add(listener);
      signal?.addEventListener('abort', listener);
    });
  }

  function metadataFor({ metadata }: NewObject): KubeObject['metadata'] {
    const created = {
      uid: `uid-${version + 1}`,
      resourceVersion: '',
      generation: 1,
      creationTimestamp: new Date(now()).toISOString(),
    };
    const { labels, annotations, finalizers, namespace, name } = metadata;
    return { ...created, labels, annotations, finalizers, namespace, name };
  }

  return {
    server: 'https://fake.invalid',
    namespace: undefined,
    calls,
    resource,
    close: () => {},
    failNext: (verb, error) => failures.set(verb, [...(failures.get(verb) ?? []), error]),
    loseNextAnswer: (verb) => losses.set(verb, (losses.get(verb) ?? 0) + 1),
    endWatches(error) {
      ended = { round: ended.round + 1, error };
      wake();
    },
    forgetHistory() {
      version += 1;
      oldest = version;
    },
    bookmark() {
      bookmarked = { round: bookmarked.round + 1, version };
      wake();
    },
    get watches() {
      return watches;
    },
  };
}

export function refused(status: number, reason: string, message: string): KubeError {
  return new KubeError('call', { status, reason, body: { message, reason, code: status } });
}

/** What a merge may take away. */
const withoutOptional = {
  labels: undefined,
  annotations: undefined,
  finalizers: undefined,
  ownerReferences: undefined,
};

/** RFC 7386, one level at a time. */
function merge(before: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return patch;
  const merged: Record<string, unknown> = isJson(before) ? { ...before } : {};
  for (const [member, value] of Object.entries(patch)) {
    if (value === null) delete merged[member];
    else merged[member] = merge(merged[member], value);
  }
  return merged;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toJson(value: unknown): Json {
  const copy: unknown = JSON.parse(JSON.stringify(value ?? {}));
  return isJson(copy) ? copy : {};
}
