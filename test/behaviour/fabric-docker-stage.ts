/** Where the fabric of Docker is tried: a real engine, containers that really answer, and hands that are not ours. */
import { type Agent, request } from 'node:http';
import type { FabricGoal, FabricWish, Owner, Step } from '../../src/clouds/cloud.ts';
import { importImage } from '../support/images.ts';
import { type DockerGround, startDockerGround } from './docker-engine.ts';

export const never = new AbortController().signal;

export interface FabricGround extends DockerGround {
  readonly haproxyImage: string;
}

export async function startFabricGround(): Promise<FabricGround> {
  const ground = await startDockerGround();
  return { ...ground, haproxyImage: await importImage(ground.engine, 'haproxy') };
}

/** Answers at once, and ends six seconds later. */
const SLOW = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\nbegin '
sleep 6
printf end
`;

let clusters = 0;

export type FabricTenant = Awaited<ReturnType<typeof createFabricTenant>>;

/** A cluster of its own, so that no test sees what another made. */
export async function createFabricTenant(ground: FabricGround) {
  clusters += 1;
  const cluster = `fabric-${clusters}`;
  const owner: Owner = { cluster, network: 'chains/dev', placement: 'local' };
  const spec = { haproxyImage: ground.haproxyImage };
  let session = await ground.open(cluster);
  let launched = 0;
  let uid = 'uid-1';

  const observe = (goal: FabricGoal, maxAgeMs = 60_000) =>
    session.fabric.observe(goal.scope, { maxAgeMs, signal: never });

  /** Step by step as an operator does it: look, plan, run the first that can run. Answers what was run. */
  const carryOut = async (goal: FabricGoal): Promise<string[]> => {
    const done: string[] = [];
    for (;;) {
      const steps = session.fabric.plan(goal, await observe(goal));
      const next = steps.find(({ waits }) => waits === undefined);
      if (next === undefined) return done;
      if (done.length > 20) throw new Error(`no end to it: ${done.join('\n')}`);
      await session.fabric.run(next, never);
      done.push(titleOf(next));
    }
  };

  return {
    cluster,
    owner,
    get session() {
      return session;
    },
    observe,
    carryOut,
    /** Reads everything anew, and answers the steps that are left. */
    left: async (goal: FabricGoal): Promise<string[]> =>
      session.fabric.plan(goal, await observe(goal, 0)).map(titleOf),
    wish: (
      change: Partial<FabricWish> & { readonly spec?: object; readonly owner?: Owner } = {},
    ): FabricWish => {
      const { spec: more = {}, owner: whose = owner, ...rest } = change;
      return { scope: { owner: whose, uid, spec: { ...spec, ...more } }, ingress: [], ...rest };
    },
    nothing: (whose: Owner = owner): FabricGoal => ({ scope: { owner: whose, uid, spec }, goal: 'nothing' }),
    /** As who sweeps wants it: there is no object that it could be of. */
    swept: (): FabricGoal => ({ scope: { owner, spec }, goal: 'nothing' }),
    /** The Network is made anew under its name. */
    remake: (): void => {
      uid = `${uid}-again`;
    },
    /** As after a restart: nothing is known. */
    restart: async (): Promise<void> => {
      session.close();
      session = await ground.open(cluster);
    },
    /** Containers that answer with their own names on port 8080. */
    launch: async (count: number, whose: Owner = owner, more: object = {}): Promise<string[]> => {
      const wish = { scope: { owner: whose, spec }, ingress: [] };
      const { attachment = { zones: [], firewalls: [] } } = await observe(wish);
      const resolved = await session.machines.resolve(spec, attachment, 'engine', never);
      const ids: string[] = [];
      for (let index = 0; index < count; index += 1) {
        launched += 1;
        const { machines } = await session.machines.launch(
          {
            token: `${cluster}-token-${launched}`,
            owner: whose,
            uid,
            spec: { ...spec, ...more },
            resolved,
            rows: [{ name: `node-${launched}`, index: 0 }],
            workload: {
              image: ground.image,
              env: [],
              secrets: [],
              files: [{ path: '/www/cgi-bin/slow', content: SLOW }],
              // The web server runs what may be executed; what is put in may not.
              command: [
                'sh',
                '-c',
                'cp /www/cgi-bin/slow /tmp/slow; cd /www/cgi-bin; rm slow; cp /tmp/slow slow; chmod 755 slow; exec httpd -f -p 8080 -h /www',
              ],
              secretFiles: [],
              pullPolicy: 'Never',
              ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
            },
          },
          never,
        );
        ids.push(...machines.map(({ id }) => id));
      }
      return ids;
    },
    living: async (): Promise<string[]> =>
      (await session.machines.list(never)).filter(({ state }) => state === 'running').map(({ id }) => id),
    close: async (): Promise<void> => {
      session.close();
      await sweep(ground, cluster);
    },
  };
}

/** Whatever a test left. */
async function sweep({ hands }: DockerGround, cluster: string): Promise<void> {
  const filters = { label: [`peerage-cluster=${cluster}`] };
  for (const { Id } of await hands.listContainers({ all: true, filters })) {
    await hands.getContainer(Id).remove({ force: true, v: true });
  }
  for (const { Name } of (await hands.listVolumes({ filters })).Volumes) await hands.getVolume(Name).remove();
  for (const { Id } of await hands.listNetworks({ filters })) await hands.getNetwork(Id).remove();
}

export const titleOf = ({ verb, kind, because }: Step): string => `${verb} ${kind}: ${because}`;

export function balancerWish(
  change: Partial<NonNullable<FabricWish['balancer']>> & { readonly port?: number } = {},
): NonNullable<FabricWish['balancer']> {
  const { port = 18_080, ...rest } = change;
  return {
    type: 'Application',
    ports: [{ port, targetPort: 8080, protocol: 'HTTP' }],
    internal: true,
    crossZone: false,
    sourceRanges: ['0.0.0.0/0'],
    health: { protocol: 'HTTP', port: 8080, path: '/', status: 200, intervalSeconds: 1 },
    drainSeconds: 2,
    members: [],
    ...rest,
  };
}

/** What a GET answers, over a connection of its own; the error's code when there is no answer. */
export function get(port: number, path = '/cgi-bin/name'): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false, timeout: 5_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => resolve(answer.statusCode === 200 ? body.trim() : String(answer.statusCode)));
      answer.on('error', (error) => resolve(error.message));
    });
    asked.on('timeout', () => asked.destroy(new Error('timeout')));
    asked.on('error', (error) => resolve(error.message));
    asked.end();
  });
}

/** A request whose answer takes its time. */
export function slowly(port: number, path: string, agent: Agent) {
  const begun = Promise.withResolvers<void>();
  const whole = new Promise<string>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, agent }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        body += chunk;
        begun.resolve();
      });
      answer.on('end', () => resolve(body));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
  whole.catch(begun.reject);
  return { begun: begun.promise, whole };
}
