import type { Refusal } from './api-cases.ts';

const gateway = 'spec.gateway';
const ports = `${gateway}.ports`;
const check = `${gateway}.check`;
const udp = { port: 53, targetPort: 'disc', protocol: 'UDP' };
const https = {
  port: 443,
  targetPort: 'rpc',
  protocol: 'TLS',
  certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/x',
};

/** What a Network's `gateway` may not say. */
export const gatewayRefusals: readonly Refusal[] = [
  ['a gateway without balancer', { [gateway]: {}, 'spec.balancer': undefined }, gateway, 'needs a balancer'],
  [
    'a gateway before a balancer of UDP alone',
    { [gateway]: {}, 'spec.balancer.ports': [udp] },
    gateway,
    'no port but for UDP',
  ],
  [
    'an algorithm that does not exist',
    { [`${gateway}.algorithm`]: 'Fastest' },
    `${gateway}.algorithm`,
    'RoundRobin',
  ],
  ['no gateway Pods', { [`${gateway}.replicas`]: 0 }, `${gateway}.replicas`, 'greater than or equal to 1'],
  ['a gateway image with a space', { [`${gateway}.image`]: 'a b' }, `${gateway}.image`, 'match'],
  [
    'a Service of another type',
    { [`${gateway}.service`]: { type: 'ExternalName' } },
    `${gateway}.service.type`,
    'NodePort',
  ],
  ['a gateway without ports', { [ports]: [] }, ports, 'at least 1'],
  ['a gateway port twice', { [ports]: [{ port: 80 }, { port: 80 }] }, `${ports}[1]`, 'Duplicate'],
  ['a gateway port that the balancer does not have', { [ports]: [{ port: 81 }] }, ports, 'not a port in'],
  [
    'a gateway port to a port that the balancer does not have',
    { [ports]: [{ port: 80, balancerPort: 81 }] },
    ports,
    'not a port in',
  ],
  [
    'a gateway port to one for UDP',
    { [ports]: [{ port: 53 }], 'spec.balancer.ports.1': udp },
    ports,
    'not a port in',
  ],
  [
    'HTTP of a gateway to TLS of the balancer',
    { [ports]: [{ port: 8443, balancerPort: 443, protocol: 'HTTP' }], 'spec.balancer.ports.1': https },
    ports,
    'pass through by protocol: TCP',
  ],
  ['a gateway check of no kind', { [check]: { intervalSeconds: 5 } }, check, 'set exactly one'],
  ['a gateway check of two kinds', { [check]: { tcp: {}, http: {} } }, check, 'set exactly one'],
  ['a gateway check without method', { [check]: { jsonRpc: {} } }, `${check}.jsonRpc.method`, 'Required'],
  [
    'a gateway check of a path with a space',
    { [check]: { http: { path: '/a b' } } },
    `${check}.http.path`,
    'match',
  ],
];
