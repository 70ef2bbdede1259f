import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { askEngine } from './engine-api.ts';

/** Something on an engine that carries a label. */
export interface Belonging {
  readonly kind: 'container' | 'network' | 'volume';
  readonly name: string;
}

const containers = z.array(z.object({ Id: z.string(), Names: z.array(z.string()).nullish() }));
const networks = z.array(z.object({ Name: z.string() }));
const volumes = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });

/** Containers in any state, networks and volumes with a label, `key=value`, in the order in which they can be removed. */
export async function belongings(socketPath: string, label: string): Promise<readonly Belonging[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const read = async (path: string): Promise<unknown> => {
    const { status, body } = await askEngine(socketPath, { path });
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${body.trim()}`);
    return JSON.parse(body);
  };
  const listed = containers.parse(await read(`/containers/json?all=1&filters=${filters}`));
  const nets = networks.parse(await read(`/networks?filters=${filters}`));
  const { Volumes } = volumes.parse(await read(`/volumes?filters=${filters}`));
  return [
    ...listed.map(({ Id, Names }) => ({
      kind: 'container' as const,
      name: Names?.[0]?.replace(/^\//, '') ?? Id,
    })),
    ...nets.map(({ Name }) => ({ kind: 'network' as const, name: Name })),
    ...(Volumes ?? []).map(({ Name }) => ({ kind: 'volume' as const, name: Name })),
  ];
}

const attempts = 10;
const pauseMs = 300;

/** Removes all of them, running or not. What cannot be removed stays, and is told. */
export async function removeBelongings(socketPath: string, label: string): Promise<readonly string[]> {
  for (let attempt = 1; ; attempt++) {
    const refused = await removeOnce(socketPath, label);
    if (refused.length === 0 || attempt === attempts) return refused;
    // A network is in use for a moment longer than the containers in it are there.
    await delay(pauseMs);
  }
}

async function removeOnce(socketPath: string, label: string): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const { kind, name } of await belongings(socketPath, label)) {
    const path = `/${kind}s/${encodeURIComponent(name)}${kind === 'container' ? '?force=1&v=1' : ''}`;
    const { status, body } = await askEngine(socketPath, { method: 'DELETE', path });
    if (status >= 400 && status !== 404) refused.push(`${kind} ${name}: ${body.trim()}`);
  }
  return refused;
}
