import { describe, expect, test } from 'vitest';
import { cloudOf } from './cloud-member.ts';
import { parseCredential, parseNetwork, parseNode } from './parse.ts';

const metadata = {
  name: 'a',
  namespace: 'chains',
  uid: 'u',
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-02T03:04:05Z',
};
const aws = { region: 'us-east-1', instanceType: 't3.small' };
const node = {
  apiVersion: 'peerage.dev/v1alpha1',
  kind: 'Node',
  metadata,
  spec: { credentialRef: { name: 'aws' }, client: { image: 'example.org/chain:1' }, aws },
};
const network = {
  ...node,
  kind: 'Network',
  spec: {
    client: node.spec.client,
    placements: [{ name: 'virginia', credentialRef: { name: 'aws' }, aws }],
  },
};

describe('parsing an object', () => {
  test('fills in what an object from before a default lacks', () => {
    expect(parseNode(node)).toMatchObject({
      ok: true,
      value: {
        spec: { role: 'Peer', deletionPolicy: 'Delete', aws: { rootVolume: { type: 'gp3' } } },
        status: { observedGeneration: -1 },
      },
    });
  });

  test('leaves out what a later version wrote', () => {
    const parsed = parseNode({ ...node, spec: { ...node.spec, colour: 'green' } });

    expect(parsed.ok && parsed.value.spec).not.toHaveProperty('colour');
  });

  test('leaves alone what stands open below runInstances', () => {
    const runInstances = { CpuOptions: { CoreCount: 2 } };

    const parsed = parseNode({ ...node, spec: { ...node.spec, aws: { ...aws, runInstances } } });

    expect(parsed).toMatchObject({ ok: true, value: { spec: { aws: { runInstances } } } });
  });

  test.for([false, null, 0, '', '0x1', [1, [2]], { syncing: { highest: 3 } }])(
    'reads the result that a health check expects as it is: %j',
    (result) => {
      const ports = [{ name: 'rpc', port: 8545 }];
      const health = { jsonRpc: { port: 'rpc', method: 'm', params: [result], result } };
      const client = { ...node.spec.client, ports, health };

      expect(parseNode({ ...node, spec: { ...node.spec, client } })).toMatchObject({
        value: { spec: { client: { health: { jsonRpc: { path: '/', params: [result], result } } } } },
      });
    },
  );

  test('reads a quantity written as a number as the string it stands for', () => {
    const client = { ...node.spec.client, resources: { cpu: 2, memory: '4Gi' } };

    expect(parseNode({ ...node, spec: { ...node.spec, client } })).toMatchObject({
      value: { spec: { client: { resources: { cpu: '2', memory: '4Gi' } } } },
    });
  });

  test.each([
    ['a list', [{ ...network.spec.placements[0], replicas: -1 }], 'spec.placements[0].replicas'],
    [
      'a cloud member',
      [{ ...network.spec.placements[0], aws: { region: 'x' } }],
      'spec.placements[0].aws.region',
    ],
    ['an object without cloud', [{ name: 'a', credentialRef: { name: 'b' } }], 'spec.placements[0]'],
  ])('says where in %s it is wrong', (_, placements, path) => {
    const parsed = parseNetwork({ ...network, spec: { ...network.spec, placements } });

    expect(parsed).toMatchObject({ ok: false, path });
  });

  test('refuses another kind', () => {
    expect(parseCredential(node)).toMatchObject({ ok: false, path: 'kind' });
  });

  test('never throws', () => {
    for (const odd of [undefined, null, 3, 'a', [], {}]) expect(parseNode(odd).ok).toBe(false);
  });
});

test('the cloud of an object is the one member that is set', () => {
  const parsed = parseNode(node);

  expect(parsed.ok && cloudOf(parsed.value.spec)).toMatchObject({
    name: 'aws',
    spec: { region: 'us-east-1' },
  });
  expect(() => cloudOf({})).toThrow('none of the clouds is set: aws');
});
