/** Who may use a CloudCredential: its own namespace, and those that it lists or selects. */
import type { CloudCredential, LabelSelector } from '../api/credential.ts';
import { keyOf } from '../kube/object.ts';
import type { Seen } from './kinds.ts';
import { CredentialTrouble } from './trouble.ts';

type Labels = Readonly<Record<string, string>>;

/** Throws CredentialTrouble when it may not be used from there. `labelsOf` is asked only where it decides. */
export async function assertAllowed(
  { metadata, parsed }: Seen<CloudCredential>,
  namespace: string,
  labelsOf: (namespace: string) => Promise<Labels>,
): Promise<void> {
  if (metadata.namespace === namespace || !parsed.ok) return;
  const allowed = parsed.value.spec.allowedNamespaces;
  if (allowed?.list?.includes(namespace)) return;
  if (allowed?.selector && selects(allowed.selector, await labelsOf(namespace))) return;
  throw new CredentialTrouble(
    'NamespaceNotAllowed',
    `CloudCredential ${keyOf(metadata)} may not be used from namespace ${namespace}: see its spec.allowedNamespaces`,
  );
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
function selects(selector: LabelSelector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labels[key];
    const holds = {
      In: value !== undefined && values.includes(value),
      NotIn: value === undefined || !values.includes(value),
      Exists: value !== undefined,
      DoesNotExist: value === undefined,
    }[operator];
    if (!holds) return false;
  }
  return true;
}
