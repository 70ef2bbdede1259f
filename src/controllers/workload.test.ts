import { expect, test } from 'vitest';
import type { Node } from '../api/node.ts';
import { parseNode } from '../api/parse.ts';
import type { SecretReader } from '../kube/secrets.ts';
import { Secret } from '../runtime/secret.ts';
import { type WorkloadOptions, workloadOf } from './workload.ts';

function nodeOf(client: object, secretDelivery: 'None' | 'UserData' = 'UserData'): Node {
  const parsed = parseNode({
    apiVersion: 'peerage.dev/v1alpha1',
    kind: 'Node',
    metadata: {
      name: 'n',
      namespace: 'chains',
      uid: 'u',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2030-01-01T00:00:00Z',
    },
    spec: {
      credentialRef: { name: 'aws' },
      client: { image: 'example.org/chain:1', ...client },
      secretDelivery,
      aws: { region: 'us-east-1', instanceType: 't3.small' },
    },
  });
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
}

/** One Secret in namespace chains; `read` has the names that were asked for. */
function secretsWith(name: string, values: Readonly<Record<string, string>>) {
  const read: string[] = [];
  const reader: SecretReader = {
    read: async (wanted) => {
      read.push(`${wanted.namespace}/${wanted.name}`);
      if (wanted.namespace !== 'chains' || wanted.name !== name) return undefined;
      const metadata = { name, namespace: 'chains', uid: 's', resourceVersion: '1', creationTimestamp: '' };
      return {
        metadata,
        values: new Map(Object.entries(values).map(([key, value]) => [key, new Secret(value)])),
      };
    },
    forget: () => {},
    hold: () => Promise.reject(new Error('not expected')),
    release: () => Promise.reject(new Error('not expected')),
  };
  return { read, reader };
}

const { signal } = new AbortController();
const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } } }];
const logins = { imagePullSecret: { name: 'keys' } };

function build(client: object, values: Readonly<Record<string, string>>, options?: WorkloadOptions) {
  return workloadOf(nodeOf(client), secretsWith('keys', values).reader, signal, options);
}

test('values come out of the Secrets of the Node', async () => {
  const { secrets, registryLogins } = await build({ env, ...logins }, { a: 'x', '.dockerconfigjson': '{}' });
  expect(secrets.map(({ name, value }) => [name, value.reveal()])).toEqual([['A', 'x']]);
  expect(registryLogins?.reveal()).toBe('{}');
});

test('peers come from whoever launches', async () => {
  const client = { args: ['$(BOOTNODES)'] };
  expect((await build(client, {}, { peers: { bootnodes: ['a:1'], peers: [] } })).args).toEqual(['a:1']);
  expect((await build(client, {})).args).toEqual(['$(BOOTNODES)']);
});

test.for([
  ['a variable', { env }, 'client.env A'],
  ['a file', { files: [{ path: '/a', valueFrom: env[0]?.valueFrom }] }, 'client.files /a'],
  ['a login', logins, 'client.imagePullSecret'],
] as const)(
  '%s out of a Secret reaches no machine unless it may, and is not even read',
  async ([, client, field]) => {
    const { read, reader } = secretsWith('keys', { a: 'x' });
    await expect(workloadOf(nodeOf(client, 'None'), reader, signal)).rejects.toMatchObject({
      reason: 'SecretDeliveryRequired',
      message: expect.stringContaining(`${field} comes from a Secret`),
    });
    expect(read).toEqual([]);
  },
);

test('where machines have no user data, nothing has to be said about it', async () => {
  const { reader } = secretsWith('keys', { a: 'x', '.dockerconfigjson': '{}' });
  const client = { env, files: [{ path: '/a', valueFrom: env[0]?.valueFrom }], ...logins };
  const workload = await workloadOf(nodeOf(client, 'None'), reader, signal, { hasUserData: false });
  expect(workload.secrets.map(({ value }) => value.reveal())).toEqual(['x']);
  expect(workload.secretFiles.map(({ content }) => content.reveal())).toEqual(['x']);
  expect(workload.registryLogins?.reveal()).toBe('{}');
});

test.for([
  ['SecretNotFound', 'other', 'client.env A: there is no Secret keys'],
  ['SecretKeyMissing', 'keys', 'client.env A: Secret keys has no key a'],
] as const)('says %s with the field that asks for it', async ([reason, name, message]) => {
  const { reader } = secretsWith(name, { b: 'x' });
  await expect(workloadOf(nodeOf({ env }), reader, signal)).rejects.toMatchObject({ reason, message });
});
