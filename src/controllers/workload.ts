import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import type { Workload } from '../clouds/cloud.ts';
import type { SecretReader } from '../kube/secrets.ts';
import type { PeerLists } from '../planning/peering.ts';
import { buildWorkload, loginsOf, type SecretKey, type SecretNeed, secretsOf } from '../planning/workload.ts';
import { Secret } from '../runtime/secret.ts';
import { CredentialTrouble } from './trouble.ts';

export interface WorkloadOptions {
  /** What the Nodes of the launch learn of the others; absent when their Network has no `peering`. */
  readonly peers?: PeerLists;
  /** Whether what comes out of Secrets travels in data that others can read. Default true. */
  readonly hasUserData?: boolean;
}

/**
 * What runs on the machines of a launch; `node` stands for all of them, as they are of one revision. Where machines have user
 * data, values of Secrets are read only with `secretDelivery: UserData`; without it a client that needs one cannot be
 * launched.
 */
export async function workloadOf(
  node: Node,
  secrets: SecretReader,
  signal: AbortSignal,
  { peers, hasUserData = true }: WorkloadOptions = {},
): Promise<Workload> {
  const { client, init, secretDelivery } = node.spec;
  const { namespace } = node.metadata;
  const logins = loginsOf(client);
  const needs = [...secretsOf(client), ...(logins ? [logins] : [])];
  const [first] = needs;
  if (first !== undefined && hasUserData && secretDelivery !== 'UserData')
    throw new CredentialTrouble(
      'SecretDeliveryRequired',
      `${first.field} comes from a Secret: set spec.secretDelivery to UserData, by which it stands in plain text in what the machine boots with, or take it out`,
    );
  const values = new Map<string, Secret>();
  for (const need of needs) values.set(keyOf(need), await readValue(need, namespace, secrets, signal));
  return buildWorkload({
    client,
    ...(init !== undefined && { init }),
    ...(peers && { peers }),
    secret: (key) => {
      const value = values.get(keyOf(key));
      if (value === undefined) throw new Error(`key ${key.key} of Secret ${key.name} was not read`);
      return value;
    },
    hide: (text) => new Secret(text),
  });
}

/** What the client's image is fetched with, read when it is asked for; undefined when nothing is said of it. */
export function registryLogins(
  { metadata: { namespace }, spec: { client } }: Pick<Network, 'metadata' | 'spec'>,
  secrets: SecretReader,
): ((signal: AbortSignal) => Promise<Secret>) | undefined {
  const logins = loginsOf(client);
  return logins && ((signal) => readValue(logins, namespace, secrets, signal));
}

function keyOf({ name, key }: SecretKey): string {
  return `${name}/${key}`;
}

async function readValue(
  { field, name, key }: SecretNeed,
  namespace: string,
  secrets: SecretReader,
  signal: AbortSignal,
): Promise<Secret> {
  const secret = await secrets.read({ namespace, name }, { signal });
  if (secret === undefined)
    throw new CredentialTrouble('SecretNotFound', `${field}: there is no Secret ${name}`);
  const found = secret.values.get(key);
  if (found !== undefined) return found;
  throw new CredentialTrouble('SecretKeyMissing', `${field}: Secret ${name} has no key ${key}`);
}
