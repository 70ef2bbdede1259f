import { expect, test } from 'vitest';
import { type NetworkSpec, networkSpec } from '../api/network.ts';
import { fabricWish } from './fabric-wish.ts';

function healthOf(health: object | undefined) {
  const spec: NetworkSpec = networkSpec.parse({
    client: {
      image: 'example.org/chain:1',
      ports: [
        { name: 'p2p', port: 30303 },
        { name: 'rpc', port: 8545 },
        { name: 'admin', port: 9000 },
      ],
      ...(health && { health }),
    },
    placements: [
      { name: 'a', credentialRef: { name: 'aws' }, aws: { region: 'us-east-1', instanceType: 't3.small' } },
    ],
    balancer: { type: 'Network', ports: [{ port: 80, targetPort: 'rpc' }] },
  });
  const scope = { owner: { cluster: 'c', network: 'n/n', placement: 'a' }, spec: spec.placements[0] };
  return fabricWish({ scope, spec, members: [], balanced: true }).balancer?.health;
}

test.for([
  ['none: the port behind the balancer opens', undefined, { protocol: 'TCP', port: 8545 }],
  ['tcp', { tcp: { port: 'admin' } }, { protocol: 'TCP', port: 9000 }],
  [
    'http',
    { http: { port: 'admin', path: '/ok', status: 204 } },
    { protocol: 'HTTP', port: 9000, path: '/ok', status: 204 },
  ],
  [
    'jsonRpc: a connection opens, and the call for who can make it',
    { jsonRpc: { port: 'admin', method: 'eth_syncing', result: false } },
    { protocol: 'TCP', port: 9000, call: { path: '/', method: 'eth_syncing', result: false } },
  ],
] as const)('a balancer checks by client.health: %s', ([, health, wished]) => {
  expect(healthOf(health)).toEqual({ ...wished, intervalSeconds: 10 });
});
