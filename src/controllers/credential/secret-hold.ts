/** Our finalizer on the Secret of a CloudCredential in use: deleting a namespace must not leave machines behind. */
import { cloudOf } from '../../api/cloud-member.ts';
import type { CloudCredential } from '../../api/credential.ts';
import { ANNOTATIONS, FINALIZER } from '../../api/names.ts';
import type { Cloud } from '../../clouds/cloud.ts';
import { CLOUDS } from '../../clouds/index.ts';
import { keyOf } from '../../kube/object.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import { usersOf } from './users.ts';

export interface SecretHoldOptions
  extends Pick<Shared, 'credentials' | 'credentialResource' | 'networks' | 'nodes' | 'secrets'> {
  /** Whether the Secret of a credential in use is held too. */
  readonly holdSecrets: boolean;
}

export function createSecretHold(options: SecretHoldOptions) {
  const { credentials, credentialResource, secrets, holdSecrets } = options;

  /**
   * Puts our finalizer on the Secret `wanted` and takes it off the one held before. Without the right to (`holdSecrets`
   * off) neither is done: what an earlier start of the operator held, a person has to free.
   */
  async function holdSecret(
    key: string,
    seen: Seen<CloudCredential>,
    wanted: string | undefined,
    signal: AbortSignal,
  ): Promise<Seen<CloudCredential>> {
    if (!holdSecrets) return seen;
    const { namespace, annotations } = seen.metadata;
    const held = annotations?.[ANNOTATIONS.heldSecret];
    if (held !== undefined && held !== wanted && !isSecretShared(key, { namespace, name: held }))
      await secrets.release({ namespace, name: held }, FINALIZER, { signal });
    const noted = held === wanted ? seen : await noteHeld(seen, wanted, signal);
    if (wanted !== undefined) await secrets.hold({ namespace, name: wanted }, FINALIZER, { signal });
    return noted;
  }

  async function noteHeld(
    { metadata }: Seen<CloudCredential>,
    name: string | undefined,
    signal: AbortSignal,
  ): Promise<Seen<CloudCredential>> {
    const { resourceVersion } = metadata;
    const annotations = { [ANNOTATIONS.heldSecret]: name ?? null };
    return await credentialResource.patch(
      metadata,
      { metadata: { resourceVersion, annotations } },
      { type: 'merge', signal },
    );
  }

  function isSecretShared(
    key: string,
    secret: { readonly namespace: string; readonly name: string },
  ): boolean {
    return credentials.list(secret.namespace).some((other) => {
      const otherKey = keyOf(other.metadata);
      if (otherKey === key || !other.parsed.ok || usersOf(options, otherKey).length === 0) return false;
      const { name, spec } = cloudOf(other.parsed.value.spec);
      const cloud: Cloud = CLOUDS[name];
      return cloud.secretOf(spec) === secret.name;
    });
  }

  return holdSecret;
}
