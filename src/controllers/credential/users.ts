import { keyOf } from '../../kube/object.ts';
import { networkKeyOf } from '../belonging.ts';
import type { Caches } from '../caches.ts';

const usersTold = 5;

/** What would be left behind if the CloudCredential went: Networks, and Nodes that no such Network speaks for. */
export function usersOf(
  { networks, nodes }: Pick<Caches, 'networks' | 'nodes'>,
  key: string,
): readonly string[] {
  const inUse = new Set(networks.byIndex('credential', key).map(({ metadata }) => keyOf(metadata)));
  const alone = nodes.byIndex('credential', key).filter((node) => !inUse.has(networkKeyOf(node) ?? ''));
  return [
    ...[...inUse].map((network) => `Network ${network}`),
    ...alone.map(({ metadata }) => `Node ${keyOf(metadata)}`),
  ].sort();
}

export function listed(users: readonly string[]): string {
  const more = users.length - usersTold;
  return `${users.slice(0, usersTold).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
