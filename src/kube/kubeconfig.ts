import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
const clusterSchema = z.object({
  server: z.url({ protocol: /^https?$/ }),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
});

const userSchema = z.object({
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  as: z.string().optional(),
  'as-groups': z.array(z.string()).optional(),
  exec: z
    .looseObject({
      command: z.string(),
      args: z.array(z.string()).nullish(),
      env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
      apiVersion: z.string(),
    })
    .optional(),
  'auth-provider': z.looseObject({ name: z.string() }).optional(),
});

const fileSchema = z.object({
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })).nullish(),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })).nullish(),
  contexts: z
    .array(
      z.object({
        name: z.string(),
        context: z.object({ cluster: z.string(), user: z.string(), namespace: z.string().optional() }),
      }),
    )
    .nullish(),
  'current-context': z.string().nullish(),
});

type ClusterEntry = z.infer<typeof clusterSchema>;
type UserEntry = z.infer<typeof userSchema>;

/** Which server, and as whom. Paths in it are absolute. */
export interface Target {
  readonly cluster: ClusterEntry;
  readonly user: UserEntry;
  /** The user's name in its file, for messages. */
  readonly userName: string;
  readonly namespace: string | undefined;
  /** Where this was read, for messages: a path or `in-cluster`. */
  readonly source: string;
}

export interface LoadOptions {
  /** A file, or several as in KUBECONFIG. */
  readonly kubeconfigPath?: string | undefined;
  /** Instead of the file's current one. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * As kubectl looks: the path given, else KUBECONFIG, else inside a Pod its ServiceAccount, else ~/.kube/config.
 * Inside a Pod the ServiceAccount comes before the home directory, as in controller-runtime.
 */
export function loadTarget({ kubeconfigPath, context, env }: LoadOptions): Target {
  const named = kubeconfigPath ?? env.KUBECONFIG;
  if (named !== undefined && named !== '') return loadFiles(named.split(delimiter).filter(Boolean), context);
  const host = env.KUBERNETES_SERVICE_HOST;
  const token = join(serviceAccountFolder, 'token');
  if (host !== undefined && existsSync(token))
    return inCluster(host, env.KUBERNETES_SERVICE_PORT ?? '443', token);
  const home = join(homedir(), '.kube', 'config');
  if (existsSync(home)) return loadFiles([home], context);
  throw new Error(
    'no Kubernetes cluster is named: give --kubeconfig or KUBECONFIG, or run in a Pod with a ServiceAccount',
  );
}

function inCluster(host: string, port: string, tokenFile: string): Target {
  const address = host.includes(':') ? `[${host}]` : host;
  const namespaceFile = join(serviceAccountFolder, 'namespace');
  return {
    cluster: {
      server: `https://${address}:${port}`,
      'certificate-authority': join(serviceAccountFolder, 'ca.crt'),
    },
    user: { tokenFile },
    userName: 'in-cluster',
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : undefined,
    source: 'in-cluster',
  };
}

interface Entry {
  readonly value: unknown;
  readonly folder: string;
}

/** Several files are one: of two entries with a name, the first counts. */
function loadFiles(paths: readonly string[], contextName: string | undefined): Target {
  const source = paths.join(delimiter);
  const clusters = new Map<string, Entry>();
  const users = new Map<string, Entry>();
  const contexts = new Map<string, { cluster: string; user: string; namespace?: string | undefined }>();
  let current = contextName;
  // kubectl passes over files of KUBECONFIG that are missing, as long as one is there.
  const present = paths.length === 1 ? paths : paths.filter((path) => existsSync(path));
  for (const path of present) {
    const file = read(path);
    const folder = dirname(resolve(path));
    for (const { name, cluster } of file.clusters ?? []) put(clusters, name, { value: cluster, folder });
    for (const { name, user } of file.users ?? []) put(users, name, { value: user, folder });
    for (const { name, context } of file.contexts ?? []) put(contexts, name, context);
    current ??= file['current-context'] || undefined;
  }
  if (current === undefined) throw new Error(`${source}: no current-context is set`);
  const context = contexts.get(current);
  if (context === undefined) throw new Error(`${source}: there is no context "${current}"`);
  const cluster = clusters.get(context.cluster);
  if (cluster === undefined) throw new Error(`${source}: there is no cluster "${context.cluster}"`);
  const user = users.get(context.user);
  if (user === undefined) throw new Error(`${source}: there is no user "${context.user}"`);
  return {
    cluster: absolute(
      check(clusterSchema, cluster, `${source}: cluster "${context.cluster}"`),
      cluster.folder,
      ['certificate-authority'],
    ),
    user: withCommand(
      absolute(check(userSchema, user, `${source}: user "${context.user}"`), user.folder, [
        'client-certificate',
        'client-key',
        'tokenFile',
      ]),
      user.folder,
    ),
    userName: context.user,
    namespace: context.namespace,
    source,
  };
}

function read(path: string): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(parse(readFileSync(path, 'utf8')));
  } catch (error) {
    // Not the parser's own words: they quote the file, and a kubeconfig holds keys.
    const why =
      error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.name : '';
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Error(
      missing ? `kubeconfig ${path} does not exist` : `kubeconfig ${path} cannot be read: ${why}`,
    );
  }
}

function put<V>(entries: Map<string, V>, name: string, value: V): void {
  if (!entries.has(name)) entries.set(name, value);
}

function check<S extends z.ZodType>(schema: S, { value }: Entry, what: string): z.output<S> {
  const parsed = schema.safeParse(value ?? {});
  if (!parsed.success) throw new Error(`${what}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Relative paths count from the file they stand in. */
function absolute<E extends Readonly<Record<string, unknown>>>(
  entry: E,
  folder: string,
  members: (keyof E)[],
): E {
  const result = { ...entry };
  for (const member of members) {
    const path = entry[member];
    if (typeof path === 'string') Object.assign(result, { [member]: resolve(folder, path) });
  }
  return result;
}

/** A plug-in with a slash in its name counts from the file as well; one without is looked for in the PATH. */
function withCommand(user: UserEntry, folder: string): UserEntry {
  if (!user.exec?.command.includes('/')) return user;
  return { ...user, exec: { ...user.exec, command: resolve(folder, user.exec.command) } };
}
