/** What we refuse in the name of AWS, before it costs a call or touches what is not ours. */
import { CloudError } from '../../cloud.ts';
import type { Network } from './found.ts';

export function nameTaken(api: string, what: { readonly kind: string; readonly name: string }): CloudError {
  return new CloudError({
    code: 'invalid',
    outcome: 'none',
    api,
    reason: 'NameTaken',
    message: `a ${what.kind} named ${what.name} exists without our tags and is left alone; remove or rename it`,
  });
}

export function needsTwoZones(network: Network): CloudError {
  const where = network.subnets.map((subnet) => subnet.zone).join(', ') || 'none';
  return new CloudError({
    code: 'invalid',
    outcome: 'none',
    api: 'CreateLoadBalancer',
    reason: 'BalancerNeedsTwoZones',
    message: `an application balancer needs subnets in two zones; found: ${where}`,
  });
}
