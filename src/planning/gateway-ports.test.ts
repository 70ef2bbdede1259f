import { describe, expect, it } from 'vitest';
import { networkSpec } from '../api/network.ts';
import { freePort, gatewayPorts } from './gateway-ports.ts';

type Members = Readonly<Record<string, unknown>>;

const rpc = { name: 'rpc', port: 8545 };
const p2p = { name: 'p2p', port: 30303 };
const disc = { name: 'disc', port: 30303, protocol: 'UDP' };

const portsOf = ({
  type = 'Network',
  balanced = [{ port: 80, targetPort: 'rpc' }],
  health,
  gateway = {},
}: {
  readonly type?: string;
  readonly balanced?: readonly Members[];
  readonly health?: Members;
  readonly gateway?: Members;
}) =>
  gatewayPorts(
    networkSpec.parse({
      client: { image: 'a', ports: [rpc, p2p, disc], ...(health && { health }) },
      placements: [
        { name: 'a', credentialRef: { name: 'aws' }, aws: { region: 'us-east-1', instanceType: 't3.small' } },
      ],
      balancer: { type, ports: balanced },
      gateway,
    }),
  );

describe('ports of a gateway', () => {
  it('are those of the balancer, without UDP', () => {
    const balanced = [
      { port: 8545, targetPort: 'rpc' },
      { port: 53, targetPort: 'disc' },
      { port: 54, targetPort: 'disc', protocol: 'UDP' },
    ];
    expect(portsOf({ balanced }).map(({ port, balancerPort }) => [port, balancerPort])).toEqual([
      [8545, 8545],
    ]);
  });

  it('may have other numbers than those of the balancer', () => {
    const gateway = { ports: [{ port: 9000, balancerPort: 80 }] };
    expect(portsOf({ gateway })).toMatchObject([{ port: 9000, listen: 9000, balancerPort: 80 }]);
  });

  it('listen where no right is needed, each at a place of its own', () => {
    const balanced = [80, 443, 10_080, 10_081].map((port) => ({ port, targetPort: 'rpc' }));
    const listening = portsOf({ balanced }).map(({ listen }) => listen);
    expect(listening).toEqual([10_082, 10_443, 10_080, 10_081]);
  });

  it('find a free one also behind the last', () => {
    expect(freePort(65_535, new Set([65_535, 1024]))).toBe(1025);
  });
});

describe('what is spoken', () => {
  const http = { http: { port: 'rpc' } };
  const arn = 'arn:aws:acm:us-east-1:1:certificate/x';

  it.each([
    ['HTTP to an application balancer', { type: 'Application' }, 'HTTP'],
    ['TCP to a network balancer', {}, 'TCP'],
    ['HTTP where health is asked by HTTP', { health: http }, 'HTTP'],
    ['HTTP where health is asked by JSON-RPC', { health: { jsonRpc: { port: 'rpc', method: 'm' } } }, 'HTTP'],
    ['TCP where another port is asked', { health: { http: { port: 'p2p' } } }, 'TCP'],
    ['TCP where health is a connection', { health: { tcp: { port: 'rpc' } } }, 'TCP'],
    ['what the port says', { health: http, gateway: { ports: [{ port: 80, protocol: 'TCP' }] } }, 'TCP'],
    [
      'TCP where TLS passes through',
      {
        health: http,
        balanced: [{ port: 80, targetPort: 'rpc', protocol: 'TLS', certificateArn: arn }],
      },
      'TCP',
    ],
  ])('is %s', (_, wish, protocol) => {
    expect(portsOf(wish).map((port) => port.protocol)).toEqual([protocol]);
  });
});

describe('how health is seen', () => {
  const jsonRpc = { port: 'rpc', method: 'eth_syncing', params: [1], result: false };
  const both = [
    { port: 30303, targetPort: 'p2p' },
    { port: 80, targetPort: 'rpc' },
  ];
  const asked = { kind: 'jsonRpc', path: '/', method: 'eth_syncing', params: [1], result: false };

  it('is what client.health says, on all ports by the one that it asks', () => {
    expect(portsOf({ balanced: both, health: { jsonRpc } })).toMatchObject([
      { port: 30303, check: { ...asked, intervalSeconds: 5 }, checkPort: 80 },
      { port: 80, check: { ...asked, intervalSeconds: 5 } },
    ]);
    expect(portsOf({ balanced: both, health: { jsonRpc } })[1]).not.toHaveProperty('checkPort');
  });

  it('is a connection where the balancer has no port for what client.health asks', () => {
    const balanced = [{ port: 30303, targetPort: 'p2p' }];
    const ports = portsOf({ balanced, health: { http: { port: 'rpc', path: '/live', status: 204 } } });
    expect(ports).toMatchObject([{ check: { kind: 'tcp', intervalSeconds: 5 } }]);
  });

  it('is a connection where only TLS leads to what client.health asks', () => {
    const certificateArn = 'arn:aws:acm:us-east-1:1:certificate/x';
    const balanced = [{ port: 443, targetPort: 'rpc', protocol: 'TLS', certificateArn }];
    expect(portsOf({ balanced, health: { jsonRpc } })).toMatchObject([{ check: { kind: 'tcp' } }]);
  });

  it('is what the gateway says, asked by each port of HTTP itself and by the first of them for all others', () => {
    const check = { http: { path: '/live', status: 204 }, intervalSeconds: 2 };
    const http = { kind: 'http', path: '/live', status: 204, intervalSeconds: 2 };
    const ports = portsOf({ balanced: both, health: { jsonRpc }, gateway: { check } });
    expect(ports).toMatchObject([{ check: http, checkPort: 80 }, { check: http }]);
    expect(ports[1]).not.toHaveProperty('checkPort');
  });

  it('is a connection where the gateway says so', () => {
    const gateway = { check: { tcp: {} } };
    expect(portsOf({ health: { jsonRpc }, gateway })).toMatchObject([
      { check: { kind: 'tcp', intervalSeconds: 5 } },
    ]);
  });
});
