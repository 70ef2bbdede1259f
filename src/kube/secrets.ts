import type { Clock } from '../runtime/clock.ts';
import { unlessAborted } from '../runtime/deadline.ts';
import { Secret } from '../runtime/secret.ts';
import type { KubeClient } from './client.ts';
import { addFinalizer, removeFinalizer } from './finalizer.ts';
import { type KubeObject, keyOf, type ObjectName } from './object.ts';
import type { CallOptions, ResourceDefinition } from './resource.ts';

/** A Kubernetes Secret, its values out of sight. */
export interface SecretObject extends KubeObject {
  readonly values: ReadonlyMap<string, Secret>;
}

const secrets: ResourceDefinition<SecretObject> = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
  parse({ metadata, ...raw }: KubeObject & { readonly data?: Readonly<Record<string, string>> }) {
    const values = new Map<string, Secret>();
    for (const [key, base64] of Object.entries(raw.data ?? {})) {
      values.set(key, new Secret(Buffer.from(base64, 'base64').toString('utf8')));
    }
    // `kubectl apply` leaves a copy of all values here.
    const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...annotations } =
      metadata.annotations ?? {};
    return { metadata: { ...metadata, annotations }, values };
  },
};

export interface SecretReader {
  /** Undefined when there is none. At most `ttlMs` old, and read after the last `forget`. */
  read(name: ObjectName, options?: CallOptions): Promise<SecretObject | undefined>;
  /** Somebody says that Secrets have changed: each is read anew when it is asked for next. */
  forget(): void;
  /** Keeps the Secret from vanishing. Undefined when it is not there. Rejects with a conflict as finalizer.ts says. */
  hold(name: ObjectName, finalizer: string, options?: CallOptions): Promise<SecretObject | undefined>;
  /** Takes the finalizer away; nothing to do when it or the Secret is gone. */
  release(name: ObjectName, finalizer: string, options?: CallOptions): Promise<void>;
}

export interface SecretReaderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Default 30 s: a changed Secret has to take effect within a minute. */
  readonly ttlMs?: number;
}

/**
 * Reads Secrets one by one: the operator may get and patch them, but neither list nor watch. What is read is kept for a
 * short while, and callers who ask at the same time share one call. That a Secret is missing is not kept.
 */
export function createSecretReader({ client, clock, ttlMs = 30_000 }: SecretReaderOptions): SecretReader {
  const resource = client.resource(secrets);
  const kept = new Map<string, { readonly secret: SecretObject; readonly at: number }>();
  const underWay = new Map<string, Promise<SecretObject | undefined>>();
  /** Goes up with each `forget`: what was asked for before it is not kept. */
  let age = 0;

  function keep(name: ObjectName, secret: SecretObject | undefined): SecretObject | undefined {
    const now = clock.monotonic();
    for (const [key, { at }] of kept) if (now - at >= ttlMs) kept.delete(key);
    if (secret === undefined) kept.delete(keyOf(name));
    else kept.set(keyOf(name), { secret, at: now });
    return secret;
  }

  async function get(name: ObjectName): Promise<SecretObject | undefined> {
    const key = keyOf(name);
    // Shared, so not bound to the signal of whoever asks first; the client's own deadline ends it.
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const askedAt = age;
    const call = resource
      .get(name)
      .then((secret) => (askedAt === age ? keep(name, secret) : secret))
      .finally(() => {
        if (underWay.get(key) === call) underWay.delete(key);
      });
    underWay.set(key, call);
    return call;
  }

  return {
    async read(name, { signal } = {}) {
      signal?.throwIfAborted();
      const last = kept.get(keyOf(name));
      if (last !== undefined && clock.monotonic() - last.at < ttlMs) return last.secret;
      return signal === undefined ? get(name) : unlessAborted(signal, get(name));
    },
    forget() {
      age += 1;
      kept.clear();
      underWay.clear();
    },
    async hold(name, finalizer, options) {
      const secret = await get(name);
      return secret && keep(name, await addFinalizer(resource, secret, finalizer, options));
    },
    async release(name, finalizer, options) {
      const secret = await get(name);
      if (secret === undefined) return;
      await removeFinalizer(resource, secret, finalizer, options);
      kept.delete(keyOf(name));
    },
  };
}
