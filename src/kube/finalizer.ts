import type { KubeObject, ObjectMeta } from './object.ts';
import { type CallOptions, type Resource, unlessMissing } from './resource.ts';

interface Held {
  readonly metadata: Pick<ObjectMeta, 'finalizers'>;
}

export function hasFinalizer({ metadata }: Held, name: string): boolean {
  return metadata.finalizers?.includes(name) ?? false;
}

export function isBeingDeleted({
  metadata,
}: {
  readonly metadata: Pick<ObjectMeta, 'deletionTimestamp'>;
}): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/**
 * A merge patch that sets the finalizers, to be sent alone or together with more metadata. The list is replaced as a
 * whole, so it carries the resourceVersion: else the finalizer somebody else has just added would be lost.
 */
export function finalizersPatch({ metadata }: KubeObject, finalizers: readonly string[]) {
  return { metadata: { resourceVersion: metadata.resourceVersion, finalizers } };
}

/**
 * The object with the finalizer on it, or undefined when it is gone by now. An object that is being deleted takes no
 * new finalizer: it comes back as it is. Rejects with a conflict when it has changed since it was read.
 */
export async function addFinalizer<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  name: string,
  { signal }: CallOptions = {},
): Promise<T | undefined> {
  if (hasFinalizer(object, name) || isBeingDeleted(object)) return object;
  const patch = finalizersPatch(object, [...(object.metadata.finalizers ?? []), name]);
  return unlessMissing(resource.patch(object.metadata, patch, { type: 'merge', signal }));
}

/** The object without the finalizer, or undefined when it is gone. Rejects with a conflict like `addFinalizer`. */
export async function removeFinalizer<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  name: string,
  { signal }: CallOptions = {},
): Promise<T | undefined> {
  if (!hasFinalizer(object, name)) return object;
  const left = (object.metadata.finalizers ?? []).filter((one) => one !== name);
  return unlessMissing(
    resource.patch(object.metadata, finalizersPatch(object, left), { type: 'merge', signal }),
  );
}
