import { onTestFinished } from 'vitest';
import { createObject, deleteObject } from './api.ts';

/**
 * A namespace of its own for the running test. It is deleted afterwards without waiting: what still holds objects in it by a
 * finalizer does not hold up the next test.
 */
export async function freshNamespace(): Promise<string> {
  const { metadata } = await createObject('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { generateName: 'test-' },
  });
  onTestFinished(() => deleteObject(`/api/v1/namespaces/${metadata.name}`));
  return metadata.name;
}
