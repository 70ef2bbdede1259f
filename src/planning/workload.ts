/** From what a Node says of its client to what runs on its machine: variables expanded, Secrets put in their place. Pure. */
import type { Client } from '../api/client.ts';
import { ROW, type Workload } from '../clouds/cloud.ts';
import { expand, referencesIn } from './expand.ts';
import { healthCheckOf } from './health-check.ts';
import type { PeerLists } from './peering.ts';

type Hidden = Workload['secrets'][number]['value'];

export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** One value that has to be read out of a Secret before the workload can be put together. */
export interface SecretNeed extends SecretKey {
  /** The field that asks for it: `client.env PASSWORD`. */
  readonly field: string;
}

/** Key of the logins in a Secret of type `kubernetes.io/dockerconfigjson`. */
const loginsKey = '.dockerconfigjson';

/** Whether what runs depends on who else is there, and so may differ from one launch to the next. */
export function asksForPeers({ command = [], args = [], env = [], files = [] }: Client): boolean {
  return [
    ...command,
    ...args,
    ...env.map(({ value = '' }) => value),
    ...files.map(({ content = '' }) => content),
  ].some((text) => referencesIn(text).some((name) => name === 'BOOTNODES' || name === 'PEERS'));
}

/** Values that end up in what the machine can read: variables and files. */
export function secretsOf({ env = [], files = [] }: Client): readonly SecretNeed[] {
  return [
    ...env.map(({ name, valueFrom }) => ({ field: `client.env ${name}`, ref: valueFrom?.secretKeyRef })),
    ...files.map(({ path, valueFrom }) => ({ field: `client.files ${path}`, ref: valueFrom?.secretKeyRef })),
  ].flatMap(({ field, ref }) => (ref === undefined ? [] : [{ field, ...ref }]));
}

/** The logins of registries, which only who fetches the image has to know. */
export function loginsOf({ imagePullSecret }: Client): SecretNeed | undefined {
  return imagePullSecret && { field: 'client.imagePullSecret', name: imagePullSecret.name, key: loginsKey };
}

export interface WorkloadInput {
  readonly client: Client;
  readonly init?: string;
  /** What the Node learns of the others. Absent: its Network has no `peering`, and the variables for it are unknown. */
  readonly peers?: PeerLists;
  /** The value of every need of `secretsOf` and `loginsOf`. */
  readonly secret: (key: SecretKey) => Hidden;
  /** Hides a text that was put together from a Secret's value. */
  readonly hide: (text: string) => Hidden;
}

/**
 * One text for all machines of a launch: `$(NODE_NAME)` and `$(NODE_INDEX)` become the placeholders of the contract, which
 * the cloud replaces by the row of each.
 */
export function buildWorkload({ client, init, peers, secret, hide }: WorkloadInput): Workload {
  const known = new Map<string, Value>(
    Object.entries(ownVariables(peers)).map(([name, text]) => [name, { text }]),
  );
  const env: { name: string; value: string }[] = [];
  const secrets: { name: string; value: Hidden }[] = [];
  for (const { name, value, valueFrom } of client.env ?? []) {
    const found =
      valueFrom === undefined
        ? expandWith(value ?? '', known, hide)
        : { hidden: secret(valueFrom.secretKeyRef) };
    known.set(name, found);
    if ('hidden' in found) secrets.push({ name, value: found.hidden });
    else env.push({ name, value: found.text });
  }
  const files: { path: string; content: string }[] = [];
  const secretFiles: { path: string; content: Hidden }[] = [];
  for (const { path, content, valueFrom } of client.files ?? []) {
    const found =
      valueFrom === undefined
        ? expandWith(content ?? '', known, hide)
        : { hidden: secret(valueFrom.secretKeyRef) };
    if ('hidden' in found) secretFiles.push({ path, content: found.hidden });
    else files.push({ path, content: found.text });
  }
  const open = (name: string) => {
    const value = known.get(name);
    return value !== undefined && 'text' in value ? value.text : undefined;
  };
  const words = (list: readonly string[]) => list.map((word) => expand(word, open).text);
  const logins = loginsOf(client);
  const health = healthCheckOf(client);
  return {
    image: client.image,
    ...(client.command && { command: words(client.command) }),
    ...(client.args && { args: words(client.args) }),
    env,
    secrets,
    files,
    secretFiles,
    pullPolicy: client.imagePullPolicy,
    ...(logins && { registryLogins: secret(logins) }),
    ports: client.ports ?? [],
    ...(client.resources && { resources: client.resources }),
    ...(health && { health }),
    ...(init !== undefined && { init }),
  };
}

/** A variable of the user's own that has the same name comes before these. */
function ownVariables(peers: PeerLists | undefined): Readonly<Record<string, string>> {
  return {
    NODE_NAME: ROW.name,
    NODE_INDEX: ROW.index,
    ...(peers && { BOOTNODES: peers.bootnodes.join(','), PEERS: peers.peers.join(',') }),
  };
}

type Value = { readonly text: string } | { readonly hidden: Hidden };

/** What has the value of a Secret in it is as secret as that. */
function expandWith(
  template: string,
  known: ReadonlyMap<string, Value>,
  hide: (text: string) => Hidden,
): Value {
  let isHidden = false;
  const { text } = expand(template, (name) => {
    const value = known.get(name);
    if (value === undefined || 'text' in value) return value?.text;
    isHidden = true;
    return value.hidden.reveal();
  });
  return isHidden ? { hidden: hide(text) } : { text };
}

// --------------------------------------------------------------------------------- what stays as it is

/** A reference that no value is put in for, to be told of. */
export interface UnknownVariable {
  /** `client.command`, `client.env URL`, `client.files /etc/app.conf`. */
  readonly field: string;
  readonly name: string;
  /** There is a value, out of a Secret, and the field is one that everybody can read. */
  readonly isSecret: boolean;
}

/** As `buildWorkload` will find them, from the spec alone; each once for each field. */
export function unknownVariables(
  client: Client,
  { hasPeering }: { readonly hasPeering: boolean },
): readonly UnknownVariable[] {
  const noPeers = { bootnodes: [], peers: [] };
  const known = new Map(
    Object.keys(ownVariables(hasPeering ? noPeers : undefined)).map((name) => [name, { isSecret: false }]),
  );
  const unknown: UnknownVariable[] = [];
  const look = (field: string, text: string, { hides }: { readonly hides: boolean }) => {
    const names = referencesIn(text);
    for (const name of names) {
      const isSecret = known.get(name)?.isSecret === true;
      const isTold = unknown.some((one) => one.field === field && one.name === name);
      if (!isTold && (!known.has(name) || (isSecret && !hides))) unknown.push({ field, name, isSecret });
    }
    return names.some((name) => known.get(name)?.isSecret === true);
  };
  for (const { name, value = '', valueFrom } of client.env ?? []) {
    const isSecret = look(`client.env ${name}`, value, { hides: true }) || valueFrom !== undefined;
    known.set(name, { isSecret });
  }
  for (const { path, content = '' } of client.files ?? [])
    look(`client.files ${path}`, content, { hides: true });
  for (const word of client.command ?? []) look('client.command', word, { hides: false });
  for (const word of client.args ?? []) look('client.args', word, { hides: false });
  return unknown;
}
