/**
 * Revisions that Nodes carry as a label. A value that changes here would replace every machine of whoever wrote such a
 * spec: give the hash a new version, and go on comparing Nodes of the old one by the old.
 */
import { expect, test } from 'vitest';
import { networkSpec } from '../api/network.ts';
import { CLOUDS } from '../clouds/index.ts';
import { revisionOf } from './revision.ts';

const client = { image: 'example.org/chain:1', ports: [{ name: 'rpc', port: 8545 }] };
const aws = { region: 'us-east-1', instanceType: 't3.small' };

const written: readonly (readonly [what: string, literal: string, spec: object, member?: object])[] = [
  ['the least there is', 'v1-so7cmuwy5q', {}],
  [
    'all of the client',
    'v1-lc3f3uw2kw',
    {
      client: {
        ...client,
        command: ['chain'],
        args: ['run', '--verbose'],
        env: [
          { name: 'CHAIN_ID', value: '1337' },
          { name: 'CHAIN_KEY', valueFrom: { secretKeyRef: { name: 'chain', key: 'key' } } },
        ],
        ports: [...client.ports, { name: 'disc', port: 30303, protocol: 'UDP' }],
        health: { http: { port: 'rpc', path: '/health', status: 204 }, intervalSeconds: 30 },
        resources: { cpu: '500m', memory: '1Gi' },
      },
    },
  ],
  [
    'what stands beside the client',
    'v1-7rx57lq7bw',
    { role: 'Validator', init: 'sysctl -w vm.swappiness=1', secretDelivery: 'UserData' },
  ],
  [
    'all of the machine',
    'v1-chwsp4svdw',
    {},
    {
      ...aws,
      image: { ssmParameter: '/chain/image' },
      rootVolume: { type: 'io2', sizeGiB: 100, iops: 5000, kmsKeyId: 'alias/chain' },
      instanceProfile: 'chain',
      keyName: 'operators',
      publicIp: true,
      securityGroupIds: ['sg-0123456789abcdef0'],
      spot: { maxPrice: '0.05' },
      runInstances: { Monitoring: { Enabled: true } },
    },
  ],
  [
    'its network',
    'v1-rwk2fjfxhu',
    {},
    { ...aws, network: { vpcTags: { role: 'chain' }, subnetIds: ['subnet-0123456789abcdef0'] } },
  ],
  [
    'what needs no new machine',
    'v1-so7cmuwy5q',
    { balancer: { type: 'Network', ports: [{ port: 80, targetPort: 'rpc' }] }, replicas: 7 },
    { ...aws, zones: ['us-east-1a'], tags: { team: 'chain' } },
  ],
];

test.for(written)('%s is %s for ever', ([, literal, spec, member = aws]) => {
  const placements = [{ name: 'a', credentialRef: { name: 'aws' }, aws: member }];
  const parsed = networkSpec.parse({ client, placements, ...spec });

  expect(revisionOf(parsed, CLOUDS.aws, parsed.placements[0]?.aws)).toBe(literal);
});
