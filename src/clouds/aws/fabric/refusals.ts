/** What AWS refuses, and what we refuse in its name before it costs a call or touches what is not ours. */
import { CloudError, type CloudErrorCode } from '../../cloud.ts';
import type { Network } from './found.ts';

export function isCode(thrown: unknown, code: CloudErrorCode): thrown is CloudError {
  return thrown instanceof CloudError && thrown.code === code;
}

/** It exists, but AWS does not show it yet (or still, when it is going away): the next look may. */
export function notNow(refusal: CloudError): CloudError {
  const { api, outcome, reason, words: message } = refusal;
  return new CloudError({ code: 'unavailable', api, outcome, reason, message, cause: refusal });
}

export function nameTaken(api: string, what: { readonly kind: string; readonly name: string }): CloudError {
  return new CloudError({
    code: 'invalid',
    outcome: 'none',
    api,
    reason: 'NameTaken',
    message: `a ${what.kind} named ${what.name} exists without our tags and is left alone; remove or rename it`,
  });
}

/** AWS moves neither machines nor balancers from one VPC to another. */
export function vpcChanged(
  scope: string,
  vpcIds: { readonly from: string; readonly to: string },
): CloudError {
  return new CloudError({
    code: 'invalid',
    outcome: 'none',
    api: 'CreateSecurityGroup',
    reason: 'VpcChanged',
    message: `${scope} stands in ${vpcIds.from} and would have to move to ${vpcIds.to}, which nothing on AWS can; go back to subnets of ${vpcIds.from}, or add a placement under another name`,
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
