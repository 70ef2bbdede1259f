import type { Node } from '../api/node.ts';
import type { Workload } from '../clouds/cloud.ts';
import type { SecretReader } from '../kube/secrets.ts';
import { CredentialTrouble } from './trouble.ts';

/**
 * What runs on a Node's machine. Values of Secrets are read only with `secretDelivery: UserData`; without it a client that
 * needs one cannot be launched.
 */
export async function workloadOf(node: Node, secrets: SecretReader, signal: AbortSignal): Promise<Workload> {
  const { client, init, secretDelivery } = node.spec;
  const env: { name: string; value: string }[] = [];
  const hidden: { name: string; value: { reveal(): string } }[] = [];
  for (const { name, value, valueFrom } of client.env ?? []) {
    if (valueFrom === undefined) {
      env.push({ name, value: value ?? '' });
      continue;
    }
    if (secretDelivery !== 'UserData')
      throw new CredentialTrouble(
        'SecretDeliveryRequired',
        `client.env ${name} comes from a Secret: set spec.secretDelivery to UserData, by which it stands in plain text in what the machine boots with, or take it out`,
      );
    const { name: secretName, key } = valueFrom.secretKeyRef;
    const secret = await secrets.read({ namespace: node.metadata.namespace, name: secretName }, { signal });
    const found = secret?.values.get(key);
    if (found === undefined)
      throw new CredentialTrouble(
        secret === undefined ? 'SecretNotFound' : 'SecretKeyMissing',
        secret === undefined
          ? `client.env ${name}: there is no Secret ${secretName}`
          : `client.env ${name}: Secret ${secretName} has no key ${key}`,
      );
    hidden.push({ name, value: found });
  }
  return {
    image: client.image,
    ...(client.command && { command: client.command }),
    ...(client.args && { args: client.args }),
    env,
    secrets: hidden,
    ports: client.ports ?? [],
    ...(client.resources && { resources: client.resources }),
    ...(init !== undefined && { init }),
  };
}
