import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { parseCredential, parseNetwork, parseNode } from '../../src/api/parse.ts';
import { RESOURCES } from '../../src/api/resources.ts';
import { api, getObject, patchObject } from '../support/api.ts';
import { installKinds } from '../support/kinds.ts';
import { apply, kubectl } from '../support/kubectl.ts';
import { freshNamespace } from '../support/namespace.ts';

const root = join(import.meta.dirname, '../..');
const examples = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.yaml'));

const network = `
apiVersion: peerage.dev/v1alpha1
kind: Network
metadata: {name: dev}
spec:
  client:
    image: example.org/chain:1
    ports: [{name: rpc, port: 8545}]
    health: {http: {port: rpc}}
  placements:
    - {name: virginia, credentialRef: {name: aws}, aws: {region: us-east-1, instanceType: t3.small}}
  balancer: {type: Network, ports: [{port: 80, targetPort: rpc}]}
`;
const node = `
apiVersion: peerage.dev/v1alpha1
kind: Node
metadata: {name: lone}
spec:
  credentialRef: {name: aws}
  client: {image: example.org/chain:1, resources: {cpu: 2, memory: 4Gi}}
  aws: {region: us-east-1, instanceType: t3.small, runInstances: {CpuOptions: {CoreCount: 2}}}
`;
const credential = `
apiVersion: peerage.dev/v1alpha1
kind: CloudCredential
metadata: {name: aws}
spec:
  aws: {source: Ambient}
`;

beforeAll(installKinds);

const pathOf = (namespace: string, plural: string, name: string) =>
  `/apis/peerage.dev/v1alpha1/namespaces/${namespace}/${plural}/${name}`;

describe('the kinds', () => {
  test.each(Object.values(RESOURCES))(
    '$kind is established, and the server finds no fault in it',
    async (kind) => {
      const crd = await getObject(
        `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kind.plural}.peerage.dev`,
      );

      const { conditions } = z
        .object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })) })
        .parse(crd?.status);
      const holding = conditions.filter(({ status }) => status === 'True').map(({ type }) => type);
      // NonStructuralSchema would stand here too.
      expect(holding.toSorted()).toEqual(['Established', 'NamesAccepted']);
    },
  );

  test('are found by short name and category', async () => {
    const namespace = await freshNamespace();
    await apply([network, node, credential].join('---'), { namespace });

    const all = await kubectl(['get', 'peerage', '-o', 'name'], { namespace });
    const short = await kubectl(['get', 'pnet,pnode,ccred', '-o', 'name'], { namespace });

    const names = ['cloudcredential.peerage.dev/aws', 'network.peerage.dev/dev', 'node.peerage.dev/lone'];
    expect(all.trim().split('\n').toSorted()).toEqual(names);
    expect(short.trim().split('\n').toSorted()).toEqual(names);
  });
});

describe('defaults', () => {
  test('of a Network are filled in by the server', async () => {
    const namespace = await freshNamespace();

    await apply(network, { namespace });

    expect(await getObject(pathOf(namespace, 'networks', 'dev'))).toMatchObject({
      spec: {
        role: 'Peer',
        secretDelivery: 'None',
        mode: 'Apply',
        paused: false,
        deletionPolicy: 'Delete',
        client: {
          ports: [{ protocol: 'TCP' }],
          health: { http: { path: '/', status: 200 }, intervalSeconds: 10 },
        },
        placements: [{ replicas: 1, aws: { rootVolume: { type: 'gp3', encrypted: true } } }],
        balancer: { internal: false, crossZone: false, sourceRanges: ['0.0.0.0/0'], drainSeconds: 30 },
      },
      status: { observedGeneration: -1 },
    });
  });

  test('of the schema and of the parser are the same', async () => {
    const namespace = await freshNamespace();
    await apply([network, node, credential].join('---'), { namespace });
    const read = (plural: string, name: string) => getObject(pathOf(namespace, plural, name));
    const [stored, lone, identity] = await Promise.all([
      read('networks', 'dev'),
      read('nodes', 'lone'),
      read('cloudcredentials', 'aws'),
    ]);

    expect(parseNetwork(stored)).toMatchObject({
      ok: true,
      value: { spec: stored?.spec, status: stored?.status },
    });
    expect(parseCredential(identity)).toMatchObject({ ok: true, value: { spec: identity?.spec } });
    // The one thing a parser changes: a quantity written as a number is the string it stands for.
    expect(lone?.spec).toMatchObject({ client: { resources: { cpu: 2 } } });
    expect(parseNode(lone)).toMatchObject({
      ok: true,
      value: {
        spec: {
          client: { resources: { cpu: '2', memory: '4Gi' } },
          aws: { runInstances: { CpuOptions: { CoreCount: 2 } } },
        },
      },
    });
  });

  test('appear in part where a part is given', async () => {
    const namespace = await freshNamespace();

    await apply(node.replace('instanceType: t3.small', 'instanceType: t3.small, rootVolume: {sizeGiB: 9}'), {
      namespace,
    });

    expect(await getObject(pathOf(namespace, 'nodes', 'lone'))).toMatchObject({
      spec: { aws: { rootVolume: { type: 'gp3', encrypted: true, sizeGiB: 9 } } },
    });
  });
});

describe('JSON of the user', () => {
  // Not null: `kubectl apply` drops members that are.
  test.for([false, 0, '0x1', [], [1, { a: [null] }], { highest: { block: 1.5, hash: 'x' } }])(
    '%j is kept as it is, and read as that',
    async (result) => {
      const namespace = await freshNamespace();
      const health = JSON.stringify({ jsonRpc: { port: 'rpc', method: 'm', params: [result], result } });

      await apply(network.replace('{http: {port: rpc}}', health), { namespace });

      const stored = await getObject(pathOf(namespace, 'networks', 'dev'));
      const wished = { params: [result], result };
      expect(stored).toMatchObject({ spec: { client: { health: { jsonRpc: wished } } } });
      expect(parseNetwork(stored)).toMatchObject({
        value: { spec: { client: { health: { jsonRpc: wished } } } },
      });
    },
  );
});

describe('subresources', () => {
  test('kubectl scale sets spec.replicas, and reads status', async () => {
    const namespace = await freshNamespace();
    await apply(network, { namespace });
    const path = pathOf(namespace, 'networks', 'dev');

    await kubectl(['scale', 'pnet/dev', '--replicas=5'], { namespace });
    await status(path, { replicas: 3, selector: 'peerage.dev/network=dev' });

    expect(await getObject(path)).toMatchObject({ spec: { replicas: 5 } });
    const { body } = await api('GET', `${path}/scale`);
    expect(body).toMatchObject({
      spec: { replicas: 5 },
      status: { replicas: 3, selector: 'peerage.dev/network=dev' },
    });
  });

  test('status takes nothing that the kinds do not name', async () => {
    const namespace = await freshNamespace();
    await apply(node, { namespace });
    const path = pathOf(namespace, 'nodes', 'lone');

    const { status: code, body } = await api(
      'PATCH',
      `${path}/status?fieldValidation=Strict`,
      { status: { phase: 'Done' } },
      'application/merge-patch+json',
    );

    expect(code).toBe(422);
    expect(JSON.stringify(body)).toContain('status.phase: Unsupported value');
  });

  test('what a user writes into status with the object is dropped', async () => {
    const namespace = await freshNamespace();

    await apply(`${node}status: {phase: Ready}\n`, { namespace });

    expect(await getObject(pathOf(namespace, 'nodes', 'lone'))).toHaveProperty('status', {
      observedGeneration: -1,
    });
  });
});

describe('columns', () => {
  test('of a Network', async () => {
    const namespace = await freshNamespace();
    await apply(network, { namespace });
    await status(pathOf(namespace, 'networks', 'dev'), {
      desiredReplicas: 3,
      readyReplicas: 2,
      conditions: [condition('False', 'Progressing')],
      endpoints: ['a.example.org:80', 'b.example.org:80'],
    });

    expect(await columns('pnet', namespace)).toEqual([
      ['NAME', 'DESIRED', 'READY', 'STATUS', 'BALANCER', 'AGE'],
      ['dev', '3', '2', 'Progressing', 'a.example.org:80', expect.stringMatching(/^\d+s$/)],
    ]);
  });

  test('of a Node', async () => {
    const namespace = await freshNamespace();
    await apply(node, { namespace });
    await status(pathOf(namespace, 'nodes', 'lone'), {
      phase: 'Ready',
      conditions: [condition('True', 'Ready')],
      machine: { id: 'i-0123', zone: 'us-east-1a', publicAddress: '198.51.100.7' },
    });

    expect(await columns('pnode', namespace)).toEqual([
      ['NAME', 'READY', 'PHASE', 'MACHINE', 'ZONE', 'ADDRESS', 'AGE'],
      ['lone', 'True', 'Ready', 'i-0123', 'us-east-1a', '198.51.100.7', expect.stringMatching(/^\d+s$/)],
    ]);
  });

  test('of a CloudCredential', async () => {
    const namespace = await freshNamespace();
    await apply(credential, { namespace });
    await status(pathOf(namespace, 'cloudcredentials', 'aws'), {
      conditions: [condition('True', 'Verified')],
      account: '123456789012',
      usedBy: 2,
    });

    expect(await columns('ccred', namespace)).toEqual([
      ['NAME', 'READY', 'STATUS', 'ACCOUNT', 'USED', 'AGE'],
      ['aws', 'True', 'Verified', '123456789012', '2', expect.stringMatching(/^\d+s$/)],
    ]);
  });
});

describe('examples', () => {
  test.each(examples)('%s applies', async (file) => {
    const said = await kubectl(['apply', '--dry-run=server', '-f', join(root, 'examples', file)]);

    const documents = parseAllDocuments(readFileSync(join(root, 'examples', file), 'utf8'));
    expect(said.trim().split('\n')).toHaveLength(documents.length);
  });

  test('between them use every kind', () => {
    const kinds = examples.flatMap((file) =>
      parseAllDocuments(readFileSync(join(root, 'examples', file), 'utf8')).map((document) =>
        document.get('kind'),
      ),
    );

    expect(kinds).toEqual(expect.arrayContaining(Object.keys(RESOURCES)));
  });
});

async function status(path: string, value: object): Promise<void> {
  await patchObject(`${path}/status`, { status: value });
}

function condition(value: 'True' | 'False', reason: string) {
  return { type: 'Ready', status: value, reason, message: '', lastTransitionTime: '2026-01-02T03:04:05Z' };
}

async function columns(kind: string, namespace: string): Promise<string[][]> {
  const text = await kubectl(['get', kind], { namespace });
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s{2,}/).map((cell) => cell.trim()));
}
