import { expect, test } from 'vitest';
import { joinNetworks, type NetworkAnswer } from './network.ts';

const network = (vpcId: string, zones: Readonly<Record<string, string>>, ipv6 = false): NetworkAnswer => ({
  found: `VPC ${vpcId}`,
  network: { vpcId, ipv6, subnets: Object.entries(zones).map(([zone, id]) => ({ zone, id })) },
});

test('one balancer is in the zones of all, in each with the subnet of the first that has one', () => {
  const joined = joinNetworks([
    network('vpc-1', { b: 'subnet-b' }),
    network('vpc-1', { a: 'subnet-a', b: 'subnet-other' }, true),
  ]);
  expect(joined).toEqual(network('vpc-1', { a: 'subnet-a', b: 'subnet-b' }, true));
});

test('of two VPCs it can be in neither', () => {
  const joined = joinNetworks([network('vpc-1', { a: 'subnet-a' }), network('vpc-2', { a: 'subnet-2' })]);
  expect('trouble' in joined && joined.trouble.message).toContain('in vpc-1 and vpc-2; one is possible');
});
