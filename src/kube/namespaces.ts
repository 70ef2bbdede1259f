import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import type { ResourceDefinition } from './resource.ts';

export const NAMESPACES: ResourceDefinition = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  parse: (raw) => raw,
};

const ttlMs = 30_000;

/** Labels of single namespaces, at most half a minute old; none for a namespace that is not there. Needs get on namespaces. */
export function createNamespaceLabels({
  client,
  clock,
}: {
  readonly client: KubeClient;
  readonly clock: Clock;
}) {
  const namespaces = client.resource(NAMESPACES);
  const kept = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly at: number }>();
  return async (name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> => {
    const known = kept.get(name);
    if (known !== undefined && clock.monotonic() - known.at < ttlMs) return known.labels;
    const labels = (await namespaces.get({ name }, { signal }))?.metadata.labels ?? {};
    const now = clock.monotonic();
    for (const [one, { at }] of kept) if (now - at >= ttlMs) kept.delete(one);
    kept.set(name, { labels, at: now });
    return labels;
  };
}
