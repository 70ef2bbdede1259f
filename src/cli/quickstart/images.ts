import { askEngine } from '../../sandbox/docker/engine-api.ts';
import { importImage } from '../../sandbox/docker/images.ts';
import { anvil, binaryAt, busybox, haproxy, prepareProgram } from '../../sandbox/docker/programs.ts';
import { anvilImage, haproxyImage } from '../../sandbox/docker/recipes.ts';

/** References of images on an engine. */
export interface Images {
  readonly client: string;
  readonly haproxy: string;
}

export interface BringOptions {
  readonly socketPath: string;
  readonly wanted: Images;
  readonly progress: (line: string) => void;
}

const repository = 'peerage-quickstart';
const pullWithinMs = 600_000;

/**
 * Sees to it that the engine has the images: those that are wanted, or where it reaches no registry others made out of the
 * programs. Answers what it has now.
 */
export async function bringImages({ socketPath, wanted, progress }: BringOptions): Promise<Images> {
  const missing: string[] = [];
  for (const reference of [wanted.client, wanted.haproxy]) {
    if (await isPresent(socketPath, reference)) continue;
    progress(`fetching ${reference}`);
    const refusal = await pull(socketPath, reference);
    if (refusal === undefined) continue;
    progress(`${reference} cannot be fetched: ${refusal}`);
    missing.push(reference);
  }
  if (missing.length === 0) return wanted;
  progress('making images out of anvil from npm, and haproxy and busybox from Debian');
  const made = await makeImages(socketPath, progress).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the engine cannot fetch ${missing.join(' and ')}, and no image can be made: ${why}`, {
      cause,
    });
  });
  return {
    client: missing.includes(wanted.client) ? made.client : wanted.client,
    haproxy: missing.includes(wanted.haproxy) ? made.haproxy : wanted.haproxy,
  };
}

/** Takes away what was made here, and nothing that was fetched. */
export async function removeMade(socketPath: string, { client, haproxy: balancer }: Images): Promise<void> {
  for (const reference of [client, balancer].filter((name) => name.startsWith(`${repository}/`)))
    await askEngine(socketPath, { method: 'DELETE', path: `/images/${reference}` });
}

async function isPresent(socketPath: string, reference: string): Promise<boolean> {
  const path = `/images/${reference}/json`;
  return (await askEngine(socketPath, { path })).status === 200;
}

/** Answers why it was refused. */
async function pull(socketPath: string, reference: string): Promise<string | undefined> {
  const at = reference.lastIndexOf(':');
  const query = new URLSearchParams({ fromImage: reference.slice(0, at), tag: reference.slice(at + 1) });
  const { status, body } = await askEngine(socketPath, {
    method: 'POST',
    path: `/images/create?${query}`,
    withinMs: pullWithinMs,
  });
  // Its progress comes with status 200, one object a line, and a failure may be the last of them.
  const last = body.trimEnd().split('\n').at(-1) ?? '';
  const said = /"(?:message|error)":"((?:[^"\\]|\\.)*)"/.exec(last)?.[1];
  if (status === 200 && said === undefined) return undefined;
  return (said ?? `status ${status}`).replaceAll('\\"', '"');
}

async function makeImages(socketPath: string, progress: (line: string) => void): Promise<Images> {
  const shell = binaryAt(await prepareProgram(busybox, progress));
  const node = binaryAt(await prepareProgram(anvil, progress));
  const balancer = binaryAt(await prepareProgram(haproxy, progress));
  return {
    client: await importImage({ socketPath }, await anvilImage({ anvil: node, busybox: shell }), {
      repository: `${repository}/anvil`,
    }),
    haproxy: await importImage({ socketPath }, await haproxyImage({ haproxy: balancer, busybox: shell }), {
      repository: `${repository}/haproxy`,
    }),
  };
}
