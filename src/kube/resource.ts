import { isNotFound } from './errors.ts';
import { type KubeObject, keyOf, type ObjectMeta, type ObjectName } from './object.ts';
import type { Call, Transport } from './transport.ts';
import { lines, parseEvent, parseObject, parsePage, refusal } from './wire.ts';

/** One kind of object as the API server serves it. `T` is what `parse` makes of it. */
export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /**
   * From what the server sent to `T`. Must not throw for anything the server can hold: an object that users got past
   * the schema has to reach its controller, which tells them what is wrong. Let `T` carry what could not be read.
   * For a built-in kind the server's own schema is enough: `parse: (raw: Lease) => raw`.
   */
  parse(raw: KubeObject): T;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export interface ListOptions extends Selection, CallOptions {
  /** Objects per answer. Default 500. */
  readonly pageSize?: number;
}

export interface PatchOptions extends CallOptions {
  /** `merge`: RFC 7386; `apply`: server-side, by force. */
  readonly type: 'merge' | 'apply';
  readonly subresource?: 'status';
}

interface WatchOptions extends Selection, CallOptions {
  readonly resourceVersion: string;
  /** When the server shall end the watch. */
  readonly timeoutSeconds: number;
  /** The connection counts as dead after so long without a byte; bookmarks come about once a minute. */
  readonly idleMs: number;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface DeleteOptions extends CallOptions {
  /** Refused with a conflict when the object of that name is another by now. */
  readonly uid?: string;
}

/** Every call rejects with KubeError; expected absence is a value. Objects are as `parse` made them. */
export interface Resource<T extends KubeObject> {
  readonly definition: ResourceDefinition<T>;
  /** Undefined when there is none. */
  get(name: ObjectName, options?: CallOptions): Promise<T | undefined>;
  /** All pages in one list, from one point in time. */
  list(options?: ListOptions): Promise<{ readonly items: T[]; readonly resourceVersion: string }>;
  /** `body` needs no apiVersion and kind. */
  create(body: NewObject, options?: CallOptions): Promise<T>;
  /** A merge patch that carries `metadata.resourceVersion` fails with a conflict when the object has changed. */
  patch(name: ObjectName, body: unknown, options: PatchOptions): Promise<T>;
  /** The object as it is while finalizers hold it; undefined when it is gone or was never there. */
  delete(name: ObjectName, options?: DeleteOptions): Promise<T | undefined>;
  /** Ends when the server ends it; throws on trouble, with `isGone` when the resourceVersion is too old. */
  watch(options: WatchOptions): AsyncGenerator<WatchEvent<T>, void>;
}

/** An object to be made: the server fills in the rest. */
export interface NewObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly unknown[];
  };
  readonly [member: string]: unknown;
}

const patchTypes = {
  merge: 'application/merge-patch+json',
  // JSON is YAML; servers before 1.36 know no JSON name for it.
  apply: 'application/apply-patch+yaml',
} as const;

/** The calls for one kind. `fieldManager`: whose fields our writes are. */
export function createResource<T extends KubeObject>(
  transport: Transport,
  definition: ResourceDefinition<T>,
  fieldManager: string,
): Resource<T> {
  const { group, version, plural, kind, namespaced } = definition;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const title = group === '' ? plural : `${plural}.${group}`;

  function path({ namespace, name }: Partial<ObjectName>, query: Query = {}): string {
    const scope = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
    const item = name === undefined ? '' : `/${encodeURIComponent(name)}`;
    return `${root}${scope}/${plural}${item}${queryText(query)}`;
  }

  async function call(request: Call): Promise<string> {
    const answer = await transport.send(request);
    if (answer.status < 200 || answer.status > 299) throw refusal(request, answer);
    return answer.text;
  }

  function decode(raw: KubeObject): T {
    // A copy without the member: deleting it would turn the object into a slow and large hash table.
    const { managedFields: _, ...metadata }: ObjectMeta & { managedFields?: unknown } = raw.metadata;
    // Items of a list of a built-in kind come without these two.
    return definition.parse({ ...raw, apiVersion, kind, metadata });
  }

  return {
    definition,

    async get(name, { signal } = {}) {
      const request: Call = { method: 'GET', path: path(name), signal, what: `get ${title} ${keyOf(name)}` };
      const text = await unlessMissing(call(request));
      return text === undefined ? undefined : decode(parseObject(text));
    },

    async list({ namespace, labelSelector, signal, pageSize = 500 } = {}) {
      const items: T[] = [];
      let token: string | undefined;
      for (;;) {
        const query = { labelSelector, limit: pageSize, continue: token };
        const what = `list ${title}`;
        const text = await call({
          method: 'GET',
          path: path({ namespace }, query),
          signal,
          what,
        });
        const page = parsePage(text);
        for (const raw of page.items ?? []) items.push(decode(raw));
        token = page.metadata.continue;
        if (!token) return { items, resourceVersion: page.metadata.resourceVersion };
      }
    },

    async create(body, { signal } = {}) {
      const { name, namespace } = body.metadata;
      const text = await call({
        method: 'POST',
        path: path({ namespace }, { fieldManager }),
        body: JSON.stringify({ apiVersion, kind, ...body }),
        signal,
        what: `create ${title} ${keyOf({ namespace, name })}`,
      });
      return decode(parseObject(text));
    },

    async patch(name, body, { type, subresource, signal }) {
      const below = subresource === undefined ? '' : `/${subresource}`;
      const query: Query = { fieldManager, ...(type === 'apply' && { force: true }) };
      const sent = type === 'apply' && typeof body === 'object' ? { apiVersion, kind, ...body } : body;
      const text = await call({
        method: 'PATCH',
        path: `${path(name)}${below}${queryText(query)}`,
        contentType: patchTypes[type],
        body: JSON.stringify(sent),
        signal,
        what: `patch ${title}${below} ${keyOf(name)}`,
      });
      return decode(parseObject(text));
    },

    async delete(name, { signal, uid } = {}) {
      const text = await unlessMissing(
        call({
          method: 'DELETE',
          path: path(name),
          ...(uid !== undefined && {
            body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } }),
          }),
          signal,
          what: `delete ${title} ${keyOf(name)}`,
        }),
      );
      if (text === undefined) return undefined;
      const raw = parseObject(text);
      // Gone at once is answered with a Status, or with the object's last state, which nothing holds any more.
      return raw.kind === 'Status' || !raw.metadata.finalizers?.length ? undefined : decode(raw);
    },

    async *watch({ namespace, labelSelector, resourceVersion, timeoutSeconds, idleMs, signal }) {
      const query = {
        labelSelector,
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion,
        timeoutSeconds,
      };
      const what = `watch ${title}`;
      const request: Call = {
        method: 'GET',
        path: path({ namespace }, query),
        signal,
        what,
      };
      for await (const line of lines(request, await transport.open(request), idleMs)) {
        const { type, object } = parseEvent(request, line);
        if (type === 'BOOKMARK') yield { type, resourceVersion: object.metadata.resourceVersion };
        else yield { type, object: decode(object) };
      }
    },
  };
}

type Query = Record<string, string | number | boolean | undefined>;

function queryText(query: Query): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Undefined when what was to be read or changed is not there. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
