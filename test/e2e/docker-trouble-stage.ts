/** Networks of one placement on one engine, each with a trouble of its own, and what they and their Nodes say of it. */
import { expect } from 'vitest';
import { LABELS } from '../../src/api/names.ts';
import type { Network } from '../../src/api/network.ts';
import type { Node } from '../../src/api/node.ts';
import { listObjects } from '../support/api.ts';
import { type Deadline, eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';
import { conditionOf } from './stage.ts';

export type TroubleStage = Awaited<ReturnType<typeof startTroubleStage>>;

export interface Wish {
  readonly client?: object;
  readonly docker?: object;
  readonly replicas?: number;
  /** Name of the CloudCredential. */
  readonly credential?: string;
  /** The rest of the spec. */
  readonly more?: object;
}

export async function startTroubleStage() {
  const stage: DockerStage = await startDockerStage(['httpd'], { PEERAGE_PROBE_NODES: 'true' });
  const image = stage.image('httpd');
  const nodesOf = async (network: string): Promise<readonly Node[]> =>
    (await stage.nodes()).filter(({ metadata }) => metadata.labels?.[LABELS.network] === network);

  const trouble = {
    ...stage,
    credential: (name: string, docker: object) => stage.apply(manifest('CloudCredential', name, { docker })),
    secret: (name: string, type: string, stringData: object) =>
      stage.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Secret', type, metadata: { name }, stringData })),
    make: (
      name: string,
      { client, docker = {}, replicas = 1, credential = 'engine', more = {} }: Wish = {},
    ) =>
      stage.apply(
        manifest('Network', name, {
          client: { image, imagePullPolicy: 'Never', ports: [{ name: 'http', port: 8080 }], ...client },
          placements: [
            {
              name: 'here',
              replicas,
              credentialRef: { name: credential },
              docker: { haproxyImage: stage.image('haproxy'), ...docker },
            },
          ],
          ...more,
        }),
      ),
    nodesOf,
    /** Its only one. */
    async nodeOf(network: string): Promise<Node> {
      const [node, ...more] = await nodesOf(network);
      if (node === undefined || more.length > 0) throw new Error(`${network} has not one Node`);
      return node;
    },
    /** Waits until the Network is not Ready in these words. */
    says: (network: string, reason: string, words: RegExp, deadline: Deadline = {}): Promise<Network> =>
      eventually(
        () => stage.network(network),
        (now) => {
          expect(conditionOf(now, 'Ready')).toMatchObject({
            status: 'False',
            reason,
            message: expect.stringMatching(words),
          });
        },
        { withinMs: 90_000, what: `${network} to say ${reason}: ${words}`, ...deadline },
      ),
    /** Waits until one of the Network's Nodes is not Ready in these words. */
    async nodeSays(
      network: string,
      reason: string | RegExp,
      words: RegExp,
      deadline: Deadline = {},
    ): Promise<Node> {
      const saying = (node: Node) => {
        const ready = conditionOf(node, 'Ready');
        return ready?.status === 'False' && isIn(ready.reason, reason) && words.test(ready.message);
      };
      const all = await eventually(
        () => nodesOf(network),
        (nodes) => nodes.some(saying),
        {
          withinMs: 90_000,
          what: `a Node of ${network} to say ${reason}: ${words}`,
          ...deadline,
        },
      );
      const node = all.find(saying);
      if (node === undefined) throw new Error('it is gone');
      return node;
    },
    ready: (network: string, withinMs = 120_000) => stage.ready(network, withinMs),
    askAnew: (kind: 'network' | 'ccred', name: string) =>
      stage.kubectl('annotate', kind, name, '--overwrite', `peerage.dev/reconcile=${Date.now()}`),
    /** `Warning UnknownVariable: its note`, of the Network. */
    async events(network: string): Promise<readonly string[]> {
      const all = await listObjects(`/apis/events.k8s.io/v1/namespaces/${stage.namespace}/events`);
      return all.flatMap((event) => {
        const { regarding, type, reason, note } = event;
        const isIts = JSON.stringify(regarding ?? {}).includes(`"name":"${network}"`);
        return isIts ? [`${type} ${reason}: ${note}`] : [];
      });
    },
  };
  return trouble;
}

function manifest(kind: string, name: string, spec: object): string {
  return JSON.stringify({ apiVersion: 'peerage.dev/v1alpha1', kind, metadata: { name }, spec });
}

export function isStalled(object: Network | Node): boolean {
  return conditionOf(object, 'Stalled')?.status === 'True';
}

function isIn(reason: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? reason === wanted : wanted.test(reason);
}
