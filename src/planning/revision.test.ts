import { describe, expect, test } from 'vitest';
import { type NetworkSpec, networkSpec } from '../api/network.ts';
import { CLOUDS } from '../clouds/index.ts';
import { revisionOf, withoutDefaults } from './revision.ts';

const member = { region: 'us-east-1', instanceType: 't3.small' };

function specOf(more: object = {}): NetworkSpec {
  return networkSpec.parse({
    client: { image: 'example.com/client:1', ports: [{ name: 'rpc', port: 8545 }] },
    placements: [{ name: 'a', replicas: 1, credentialRef: { name: 'aws' }, aws: member }],
    ...more,
  });
}

const revision = (spec: NetworkSpec, of: unknown = member) => revisionOf(spec, CLOUDS.aws, of);
const usual = revision(specOf());

test('stands for ever: an upgrade of the operator must not replace machines', () => {
  // If this fails, the hash has changed: give it a new version, and go on comparing Nodes of the old one by the old.
  expect(usual).toBe('v1-mpzrf55dyx');
});

describe('stays as it is', () => {
  test.for([
    ['a default that is written out', specOf({ role: 'Peer', secretDelivery: 'None' }), member],
    ['a default of the cloud', specOf(), { ...member, rootVolume: { type: 'gp3', encrypted: true } }],
    ['an empty member whose own members have defaults', specOf(), { ...member, rootVolume: {} }],
    ['zones and tags', specOf(), { ...member, zones: ['us-east-1a'], tags: { team: 'x' } }],
    [
      'the balancer',
      specOf({ balancer: { type: 'Network', ports: [{ port: 1, targetPort: 'rpc' }] } }),
      member,
    ],
    ['replicas', specOf({ replicas: 9 }), member],
    [
      'the health check',
      specOf({
        client: {
          image: 'example.com/client:1',
          ports: [{ name: 'rpc', port: 8545, protocol: 'TCP' }],
          health: { tcp: { port: 'rpc' } },
        },
      }),
      member,
    ],
  ] as const)('with %s', ([, spec, of]) => {
    expect(revision(spec, of)).toBe(usual);
  });

  test('whatever the order of the members', () => {
    expect(revision(specOf(), { instanceType: 't3.small', region: 'us-east-1' })).toBe(usual);
  });
});

describe('changes', () => {
  test.for([
    ['the image', specOf({ client: { image: 'example.com/client:2' } }), member],
    ['init', specOf({ init: 'true' }), member],
    ['the role', specOf({ role: 'Full' }), member],
    ['the delivery of secrets', specOf({ secretDelivery: 'UserData' }), member],
    ['the type of machine', specOf(), { ...member, instanceType: 't3.large' }],
    ['the size of the disk', specOf(), { ...member, rootVolume: { sizeGiB: 100 } }],
    ['encryption', specOf(), { ...member, rootVolume: { encrypted: false } }],
  ] as const)('with %s', ([, spec, of]) => {
    expect(revision(spec, of)).not.toBe(usual);
  });
});

describe('what equals its default counts as not set', () => {
  const schema = {
    properties: {
      size: { default: 1 },
      list: { items: { properties: { kind: { default: 'x' } } } },
    },
  };

  test('at every depth', () => {
    expect(withoutDefaults({ size: 1, list: [{ kind: 'x', name: 'n' }, { kind: 'y' }] }, schema)).toEqual({
      list: [{ name: 'n' }, { kind: 'y' }],
    });
  });

  test('and what no schema describes stays', () => {
    expect(withoutDefaults({ size: 2, other: { deep: 1 } }, schema)).toEqual({ size: 2, other: { deep: 1 } });
    expect(withoutDefaults('text', undefined)).toBe('text');
  });
});
