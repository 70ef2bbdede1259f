import type { Informer } from './informer.ts';
import type { KubeObject } from './object.ts';
import type { Resource } from './resource.ts';

/** The same calls, and each answer goes into the informer's cache at once: one's own writes are always read. */
export function observing<T extends KubeObject>(resource: Resource<T>, informer: Informer<T>): Resource<T> {
  const seen = (object: T): T => {
    informer.observe(object);
    return object;
  };
  return {
    ...resource,
    get: async (name, options) => {
      const object = await resource.get(name, options);
      return object && seen(object);
    },
    create: async (body, options) => seen(await resource.create(body, options)),
    patch: async (name, body, options) => seen(await resource.patch(name, body, options)),
    delete: async (name, options) => {
      const object = await resource.delete(name, options);
      return object && seen(object);
    },
  };
}
