import { FINALIZER } from '../api/names.ts';
import { removeFinalizer } from '../kube/finalizer.ts';
import type { Informer } from '../kube/informer.ts';
import { type KubeObject, keyOf } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';

/**
 * Takes our finalizer off an object of which nothing is left, and says so once. With its last finalizer the object goes
 * without being written: the answer carries the version before, so that the cache shows it unchanged until the watch tells
 * that it was deleted, and whoever wakes its key in between has it finished again.
 */
export function createFinish<T extends KubeObject>(
  cache: Pick<Informer<T>, 'get' | 'onChange'>,
  resource: Resource<T>,
  onGone: (key: string) => void,
): (seen: T, signal: AbortSignal) => Promise<void> {
  /** UIDs of those that the cache still shows. */
  const finished = new Set<string>();
  cache.onChange(({ type, before }) => {
    if (type === 'deleted') finished.delete(before.metadata.uid);
  });
  return async (seen, signal) => {
    const key = keyOf(seen.metadata);
    const { uid } = seen.metadata;
    if (finished.has(uid)) return;
    const cached = () => {
      const object = cache.get(key);
      return object?.metadata.uid === uid ? object : undefined;
    };
    await removeFinalizer(resource, cached() ?? seen, FINALIZER, { signal });
    if (cached() !== undefined) finished.add(uid);
    onGone(key);
  };
}
