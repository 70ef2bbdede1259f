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

const everywhere = 'arn:aws:iam::123456789012:server-certificate/everywhere';
const here = 'arn:aws:acm:us-east-1:123456789012:certificate/here';

const spec: NetworkSpec = networkSpec.parse({
  client: {
    image: 'example.org/chain:1',
    ports: [
      { name: 'rpc', port: 8545 },
      { name: 'disc', port: 30303, protocol: 'UDP' },
    ],
  },
  placements: [
    { name: 'a', credentialRef: { name: 'aws' }, aws: { region: 'us-east-1', instanceType: 't3.small' } },
  ],
  balancer: {
    type: 'Network',
    ports: [
      { port: 443, targetPort: 'rpc', protocol: 'TLS', certificateArn: everywhere },
      { port: 8443, targetPort: 'rpc', protocol: 'TLS', certificateArn: everywhere },
      { port: 443, targetPort: 'disc', protocol: 'UDP' },
    ],
  },
});

const certificatesFor = (member: unknown) => {
  const scope = { owner: { cluster: 'c', network: 'chains/dev', placement: 'a' }, spec: member };
  const { balancer } = fabricWish({ scope, spec, members: [], balanced: true });
  return balancer?.ports.map(({ protocol, port, certificate }) => [`${protocol} ${port}`, certificate]);
};

test('a certificate of the placement wins over that of the port, and no other port has to do with it', () => {
  expect(certificatesFor({ certificates: [{ port: 443, certificateArn: here }] })).toEqual([
    ['TLS 443', here],
    ['TLS 8443', everywhere],
    ['UDP 443', undefined],
  ]);
});

test('without one of its own, a placement shows that of the port', () => {
  expect(certificatesFor({})).toEqual([
    ['TLS 443', everywhere],
    ['TLS 8443', everywhere],
    ['UDP 443', undefined],
  ]);
});

test('in the scope of a region there is a balancer and nobody to be let in', () => {
  const owner = { cluster: 'c', network: 'chains/dev', region: 'aws/123456789012/us-east-1' };
  const open = { ...spec, security: { ingress: [{ ports: ['rpc'], from: ['0.0.0.0/0'] }], egress: [] } };
  const scope = { owner, spec: {}, also: [{ certificates: [{ port: 443, certificateArn: here }] }] };
  const wish = fabricWish({ scope, spec: open, members: ['i-1'], balanced: true });
  expect(wish).toMatchObject({ scope, ingress: [], balancer: { members: ['i-1'] } });
  expect(wish).not.toHaveProperty('egress');
  // The certificate of whoever has one.
  expect(wish.balancer?.ports[0]?.certificate).toBe(here);
});

test('a placement is told whose balancer reaches its machines, and where', () => {
  const owner = { cluster: 'c', network: 'chains/dev', placement: 'a' };
  const servedBy = { cluster: 'c', network: 'chains/dev', region: 'aws/123456789012/us-east-1' };
  const wish = fabricWish({ scope: { owner, spec: {} }, spec, members: [], balanced: false, servedBy });
  expect(wish).not.toHaveProperty('balancer');
  expect(wish.servedBy).toMatchObject({ owner: servedBy, health: { port: 8545 } });
  expect(wish.servedBy?.ports.map(({ targetPort }) => targetPort)).toEqual([8545, 8545, 30303]);
});
