/** References of images, and which login goes with one. */
import { z } from 'zod';
import { CloudError } from '../cloud.ts';

export interface Reference {
  /** All before the tag: `registry.example:5000/team/node`. */
  readonly repository: string;
  /** Tag or digest; `latest` when there is none. */
  readonly tag: string;
  /** Absent: the engine's own default. */
  readonly registry?: string;
}

/** https://github.com/distribution/reference/blob/main/normalize.go */
export function referenceOf(image: string): Reference {
  const [name = '', digest] = image.split('@', 2);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  const repository = colon === -1 ? name : name.slice(0, colon);
  const tag = digest ?? (colon === -1 ? 'latest' : name.slice(colon + 1));
  const slash = repository.indexOf('/');
  const first = repository.slice(0, Math.max(slash, 0));
  const isRegistry = first === 'localhost' || /[.:]/.test(first);
  return { repository, tag, ...(isRegistry ? { registry: first } : {}) };
}

/** What an engine takes as `X-Registry-Auth`. */
export type Login =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string };

const dockerConfig = z.object({
  auths: z.record(
    z.string(),
    z.object({
      username: z.string().exactOptional(),
      password: z.string().exactOptional(),
      auth: z.string().exactOptional(),
      identitytoken: z.string().exactOptional(),
    }),
  ),
});

/**
 * The login for an image out of the text of a `.dockerconfigjson`; the most exact one where several fit.
 * https://kubernetes.io/docs/concepts/containers/images/#config-json
 * `index`: how the engine calls its default registry.
 */
export function loginFor(
  { registry, repository }: Reference,
  config: string,
  index: string,
): Login | undefined {
  const wanted = registry === undefined ? `${hostOf(index)}/${repository}` : repository;
  const fitting = Object.entries(parseConfig(config).auths)
    .filter(([key]) => fits(key, wanted, registry === undefined))
    .sort(([a], [b]) => b.length - a.length);
  const [found] = fitting;
  if (found === undefined) return undefined;
  const [key, entry] = found;
  const serveraddress = registry ?? index;
  if (entry.identitytoken !== undefined) return { identitytoken: entry.identitytoken, serveraddress };
  const [username, password] = credentialsIn(entry);
  if (username === undefined || password === undefined)
    throw unusable(`the entry for ${key} has neither auth nor username and password`);
  return { username, password, serveraddress };
}

function parseConfig(text: string): z.output<typeof dockerConfig> {
  try {
    return dockerConfig.parse(JSON.parse(text));
  } catch {
    // The cause could quote what it read.
    throw unusable('it is not the JSON of a .dockerconfigjson');
  }
}

function credentialsIn({ auth, username, password }: z.output<typeof dockerConfig>['auths'][string]) {
  if (auth === undefined || auth === '') return [username, password];
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? [] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** A key is a host, perhaps with the start of a path; `*` stands for anything within one part of the host. */
function fits(key: string, wanted: string, isDefault: boolean): boolean {
  const bare = key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
  const [host = '', ...path] = bare.split('/');
  const [wantedHost = '', ...wantedPath] = wanted.split('/');
  const isHost =
    hostPattern(host).test(wantedHost) ||
    (isDefault && host.includes('.') && wantedHost.endsWith(`.${host}`));
  return isHost && path.every((part, index) => part === wantedPath[index]);
}

function hostPattern(host: string): RegExp {
  const parts = host.split('*').map((part) => part.replace(/[.\\^$+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^.]*')}$`);
}

const hostOf = (address: string): string => address.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '';

function unusable(message: string): CloudError {
  return new CloudError({
    api: 'ImageCreate',
    code: 'invalid',
    outcome: 'none',
    reason: 'UnusableRegistryLogins',
    message: `registry logins: ${message}`,
  });
}
