import { expect, test } from 'vitest';
import type { FabricWish } from '../../cloud.ts';
import { configFor, membersIn, readConfig } from './config.ts';

type BalancerWish = NonNullable<FabricWish['balancer']>;

const wish: BalancerWish = {
  type: 'Application',
  ports: [
    { port: 80, targetPort: 8545, protocol: 'HTTP' },
    { port: 9000, targetPort: 9001, protocol: 'TCP' },
  ],
  internal: false,
  crossZone: false,
  sourceRanges: ['10.0.0.0/8'],
  health: { protocol: 'HTTP', port: 8545, path: '/', status: 200, intervalSeconds: 10 },
  drainSeconds: 30,
  members: ['b', 'a', 'a'],
};
const addresses = new Map([
  ['a', '10.0.0.2'],
  ['b', '10.0.0.3'],
]);

test('what is written can be read: ports, servers, statistics', () => {
  expect(readConfig(configFor(wish, addresses))).toEqual({
    pools: new Map([
      ['port-80', ['a', 'b']],
      ['port-9000', ['a', 'b']],
    ]),
    statsPort: 8404,
  });
});

test('equal wishes give equal texts, in whatever order the members come', () => {
  const other = { ...wish, members: ['a', 'b'] };
  expect(configFor(other, addresses)).toBe(configFor(wish, addresses));
});

test('a member without an address is not told yet', () => {
  const text = configFor(wish, new Map([['a', '10.0.0.2']]));
  expect(membersIn(readConfig(text))).toEqual(['a']);
});

test('the statistics keep out of the way of the ports', () => {
  const ports = [8404, 8405].map((port) => ({ port, targetPort: 1, protocol: 'TCP' as const }));
  expect(readConfig(configFor({ ...wish, ports }, addresses)).statsPort).toBe(8406);
});

test('ports that HAProxy cannot serve here are left out', () => {
  const ports: BalancerWish['ports'] = [
    { port: 53, targetPort: 53, protocol: 'UDP' },
    { port: 443, targetPort: 8545, protocol: 'TLS', certificate: 'x' },
    { port: 80, targetPort: 8545, protocol: 'HTTP' },
  ];
  expect([...readConfig(configFor({ ...wish, ports }, addresses)).pools.keys()]).toEqual(['port-80']);
});

test('the check goes to its own port where the traffic goes to another, and a JSON-RPC call comes before others', () => {
  const text = configFor(
    { ...wish, health: { ...wish.health, call: { path: '/rpc', method: 'eth_chainId', result: '0x1' } } },
    addresses,
  );
  expect(text).toContain('server a 10.0.0.2:9001 port 8545');
  expect(text).toContain('eth_chainId');
});

test('what HAProxy would misread is refused, not written', () => {
  expect(() => configFor({ ...wish, sourceRanges: ['anywhere'] }, addresses)).toThrow(
    expect.objectContaining({ code: 'invalid', reason: 'NotBalanceable' }),
  );
});

test('a configuration that never was says nothing', () => {
  expect(readConfig('')).toEqual({ pools: new Map(), statsPort: undefined });
});
