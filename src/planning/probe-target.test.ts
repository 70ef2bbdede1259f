import { describe, expect, test } from 'vitest';
import { client as clientSchema } from '../api/client.ts';
import { peering as peeringSchema } from '../api/peering.ts';
import { healthTargetOf, peerTargetOf } from './probe-target.ts';

const running = { state: 'running', publicAddress: '203.0.113.7', privateAddress: '10.0.0.7' } as const;

function clientOf(health?: object) {
  return clientSchema.parse({
    image: 'example.org/chain:1',
    ports: [{ name: 'rpc', port: 8545 }],
    ...(health && { health }),
  });
}

describe('the health of a machine', () => {
  test.for([
    [{ tcp: { port: 'rpc' } }, { kind: 'tcp' }],
    [{ http: { port: 'rpc', status: 204 } }, { kind: 'http', path: '/', status: 204 }],
    [
      { jsonRpc: { port: 'rpc', method: 'm', params: [1], result: false } },
      { kind: 'jsonRpc', path: '/', method: 'm', params: [1], result: false },
    ],
  ] as const)('is asked for as client.health says: %j', ([health, check]) => {
    expect(healthTargetOf(clientOf({ ...health, intervalSeconds: 7 }), running)).toEqual({
      endpoints: [
        { host: '203.0.113.7', port: 8545 },
        { host: '10.0.0.7', port: 8545 },
      ],
      check,
      intervalSeconds: 7,
    });
  });

  test('is asked for first where the port is published', () => {
    const published = [
      { port: 8545, protocol: 'UDP', address: '192.0.2.1', hostPort: 1 },
      { port: 1, protocol: 'TCP', address: '192.0.2.1', hostPort: 2 },
      { port: 8545, protocol: 'TCP', address: '192.0.2.1', hostPort: 49001 },
    ] as const;
    const machine = { state: 'running', privateAddress: '172.18.0.2', published } as const;
    expect(healthTargetOf(clientOf({ tcp: { port: 'rpc' } }), machine)?.endpoints).toEqual([
      { host: '192.0.2.1', port: 49001 },
      { host: '172.18.0.2', port: 8545 },
    ]);
  });

  test('is not asked for without a check, or before the machine runs', () => {
    expect(healthTargetOf(clientOf(), running)).toBeUndefined();
    const pending = { ...running, state: 'pending' } as const;
    expect(healthTargetOf(clientOf({ tcp: { port: 'rpc' } }), pending)).toBeUndefined();
  });
});

describe('the peer address of a machine', () => {
  const jsonRpc = { port: 'rpc', method: 'admin_nodeInfo', resultPath: 'enode' };

  test('is asked for by its call, and where in the answer it stands', () => {
    const peering = peeringSchema.parse({ address: { jsonRpc } });
    expect(peerTargetOf(peering, clientOf(), running)).toMatchObject({
      check: { kind: 'jsonRpc', path: '/', method: 'admin_nodeInfo', resultPath: 'enode' },
      intervalSeconds: 60,
    });
  });

  test('is not asked for where a template says it all', () => {
    const peering = peeringSchema.parse({ address: { template: '$(ADDRESS)' } });
    expect(peerTargetOf(peering, clientOf(), running)).toBeUndefined();
  });
});
