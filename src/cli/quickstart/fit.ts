import { isMap, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { docker } from '../../clouds/docker/index.ts';
import type { Images } from './images.ts';

/** What of a Docker example depends on the machine it is applied for. */
export interface Fit {
  readonly images: Images;
  /** Where the engine listens: `unix:///var/run/docker.sock`. */
  readonly host: string;
  /** Of the engine's host, where the balancer listens. */
  readonly port: number;
}

type Path = readonly (string | number)[];

const paths = {
  host: ['CloudCredential', ['spec', 'docker', 'host']],
  client: ['Network', ['spec', 'client', 'image']],
  haproxy: ['Network', ['spec', 'placements', 0, 'docker', 'haproxyImage']],
  port: ['Network', ['spec', 'balancer', 'ports', 0, 'port']],
} as const satisfies Record<string, readonly [kind: string, path: Path]>;

const placementDefaults = z.object({ haproxyImage: z.string() });
const fitSchema = z.object({ host: z.string(), client: z.string(), haproxy: z.string(), port: z.int() });

/** What manifests with one CloudCredential and one Network say of it. Throws when they say nothing. */
export function readFit(text: string): Fit {
  const { haproxyImage } = placementDefaults.parse(docker.placement.parse({}));
  const said = Object.entries(paths).map(([name, [kind, path]]) => [name, valueAt(text, kind, path)]);
  const { host, client, haproxy, port } = fitSchema.parse({
    ...Object.fromEntries(said),
    haproxy: valueAt(text, ...paths.haproxy) ?? haproxyImage,
  });
  return { host, port, images: { client, haproxy } };
}

/** The manifests with what differs put in, the rest as it was; and what that is, for people. */
export function fitTo(
  text: string,
  fit: Fit,
): { readonly text: string; readonly changes: readonly string[] } {
  const before = readFit(text);
  const wishes = [
    ['host', before.host, fit.host],
    ['client', before.images.client, fit.images.client],
    ['haproxy', before.images.haproxy, fit.images.haproxy],
    ['port', before.port, fit.port],
  ] as const;
  const changed = wishes.filter(([, is, wished]) => is !== wished);
  if (changed.length === 0) return { text, changes: [] };
  const documents = parseAllDocuments(text);
  for (const document of documents)
    for (const [name, , wished] of changed) {
      const [kind, path] = paths[name];
      if (isOf(kind, document)) document.setIn(path, wished);
    }
  return {
    text: documents.map(String).join(''),
    changes: changed.map(([name, , wished]) => `${paths[name][1].at(-1)}: ${wished}`),
  };
}

function valueAt(text: string, kind: string, path: Path): unknown {
  return parseAllDocuments(text)
    .find((document) => isOf(kind, document))
    ?.getIn(path);
}

function isOf(kind: string, { contents }: { readonly contents: unknown }): boolean {
  return isMap(contents) && contents.get('kind') === kind;
}
