// Single modules of client-node, not its index: the index (and KubeConfig with it) loads every generated model of the
// Kubernetes API, 85 MiB and a quarter of a second, of which we would use nothing. What is worth having from it is the
// part that is hard to get right: the credential plug-ins.

import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js';
import type { Clock } from '../runtime/clock.ts';
import { unlessAborted, withDeadline } from '../runtime/deadline.ts';
import type { Target } from './kubeconfig.ts';

/** What one call is signed with. Certificates are PEM. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly cert?: string;
  readonly key?: string;
}

export interface CredentialsOptions {
  readonly target: Target;
  /** For one answer of a plug-in. */
  readonly deadlineMs: number;
  readonly clock: Clock;
}

interface Plugin {
  applyAuthentication(user: PluginUser, options: RequestOptions): Promise<void>;
}

/** client-node's own form of a kubeconfig user, as far as its plug-ins read it. */
interface PluginUser {
  readonly name: string;
  readonly exec?: unknown;
  readonly authProvider?: unknown;
}

/**
 * Credentials for a user, asked for before every call, so that rotation needs no restart: token files are read again
 * each minute, certificate files likewise, and an exec plug-in runs again when its token has expired.
 */
export function createCredentials({
  target,
  deadlineMs,
  clock,
}: CredentialsOptions): (signal: AbortSignal) => Promise<Credentials> {
  const { user } = target;
  const plugin = pluginOf(target);
  const base: Record<string, string | string[]> = {};
  if (user.token !== undefined && user.tokenFile === undefined) base.authorization = `Bearer ${user.token}`;
  if (user.username !== undefined) {
    base.authorization = `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}`;
  }
  if (user.as !== undefined) base['impersonate-user'] = user.as;
  if (user['as-groups'] !== undefined) base['impersonate-group'] = user['as-groups'];
  const cert = pem(clock, user['client-certificate'], user['client-certificate-data']);
  const key = pem(clock, user['client-key'], user['client-key-data']);

  const withoutPlugin = async (): Promise<Credentials> => {
    const certificate = cert();
    const privateKey = key();
    if (certificate === undefined || privateKey === undefined) return { headers: base };
    return { headers: base, cert: certificate, key: privateKey };
  };
  if (plugin === undefined) return withoutPlugin;

  const withPlugin = async (): Promise<Credentials> => {
    const options: RequestOptions = { headers: {} };
    const { use, forUser } = await plugin;
    await use.applyAuthentication(forUser, options);
    const credentials = await withoutPlugin();
    const headers = { ...credentials.headers };
    for (const [name, value] of Object.entries(options.headers ?? {}))
      headers[name.toLowerCase()] = String(value).trim();
    const own = text(options.cert);
    const ownKey = text(options.key);
    return own !== undefined && ownKey !== undefined
      ? { headers, cert: own, key: ownKey }
      : { ...credentials, headers };
  };
  // One plug-in at a time: a hundred calls that start together must not start a hundred processes, nor must one that hangs
  // be joined by another with each further call.
  let running: Promise<Credentials> | undefined;
  const what = `waiting for the credential plug-in of user "${target.userName}"`;
  return (signal) =>
    withDeadline({ signal, deadlineMs, clock, what }, (until) => {
      running ??= withPlugin().finally(() => {
        running = undefined;
      });
      return unlessAborted(until, running);
    });
}

function pluginOf(target: Target): Promise<{ use: Plugin; forUser: PluginUser }> | undefined {
  const { user, userName: name, cluster, source } = target;
  if (user.tokenFile !== undefined) {
    const authProvider = { name: 'tokenFile', config: { tokenFile: user.tokenFile } };
    return Promise.resolve({ use: new FileAuth(), forUser: { name, authProvider } });
  }
  if (user.exec !== undefined) {
    // Plug-ins such as gke-gcloud-auth-plugin refuse to run without it; client-node does not set it.
    // https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
    const info = {
      apiVersion: user.exec.apiVersion,
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: cluster.server } },
    };
    const env = [...(user.exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }];
    const exec = { ...user.exec, args: user.exec.args ?? [], env };
    return Promise.resolve({ use: new ExecAuth(), forUser: { name, exec } });
  }
  const provider = user['auth-provider'];
  if (provider === undefined) return undefined;
  if (provider.name !== 'oidc') {
    throw new Error(
      `${source}: auth-provider "${provider.name}" left Kubernetes in 1.26; use its exec plug-in`,
    );
  }
  const forUser = { name, authProvider: provider };
  // Loads all of client-node, hence only when asked for.
  return import('@kubernetes/client-node/dist/oidc_auth.js').then(({ OpenIDConnectAuth }) => ({
    use: new OpenIDConnectAuth(),
    forUser,
  }));
}

const certificateMaxAgeMs = 60_000;

/** Reads a PEM from its file, once a minute, or from the kubeconfig itself. */
function pem(clock: Clock, path: string | undefined, data: string | undefined): () => string | undefined {
  if (path === undefined) {
    const decoded = data === undefined ? undefined : Buffer.from(data, 'base64').toString();
    return () => decoded;
  }
  let last: { readonly at: number; readonly value: string } | undefined;
  return () => {
    const now = clock.monotonic();
    if (last === undefined || now - last.at > certificateMaxAgeMs)
      last = { at: now, value: readFileSync(path, 'utf8') };
    return last.value;
  };
}

function text(value: RequestOptions['cert'] | RequestOptions['key']): string | undefined {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined;
}
