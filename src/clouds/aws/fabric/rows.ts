/** From the answers of AWS to what the planner compares. */
import type { SecurityGroup } from '@aws-sdk/client-ec2';
import type {
  Listener as ElbListener,
  LoadBalancer,
  TargetGroup,
  TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { MemberHealth } from '../../cloud.ts';
import { ownerOf, type TagList, tagMap } from '../tags.ts';
import type { Balancer, Group, Listener, Pool, Tagged, Target } from './found.ts';
import { foundRules } from './rules.ts';

export function groupRow(group: SecurityGroup, cluster: string): Group {
  const owner = ownerOf(group.Tags);
  return {
    id: group.GroupId ?? '',
    name: group.GroupName ?? '',
    vpcId: group.VpcId ?? '',
    owner: owner?.cluster === cluster ? owner : undefined,
    tags: tagMap(group.Tags),
    ingress: foundRules(group.IpPermissions ?? []),
    egress: foundRules(group.IpPermissionsEgress ?? []),
  };
}

export function taggedRow(tags: TagList | undefined, cluster: string): Tagged {
  const owner = ownerOf(tags);
  return { owner: owner?.cluster === cluster ? owner : 'other', tags: tagMap(tags) };
}

export function balancerRow(balancer: LoadBalancer): Balancer {
  const reason = balancer.State?.Reason;
  return {
    arn: balancer.LoadBalancerArn ?? '',
    name: balancer.LoadBalancerName ?? '',
    dnsName: balancer.DNSName ?? '',
    type: balancer.Type ?? '',
    scheme: balancer.Scheme ?? '',
    vpcId: balancer.VpcId ?? '',
    state: balancer.State?.Code ?? 'provisioning',
    ...(reason === undefined ? {} : { stateReason: reason }),
    subnets: (balancer.AvailabilityZones ?? []).flatMap(({ SubnetId: id, ZoneName: zone = '' }) =>
      id === undefined ? [] : [{ id, zone }],
    ),
    groupIds: balancer.SecurityGroups ?? [],
  };
}

export function poolRow(pool: TargetGroup): Pool {
  const protocol = pool.HealthCheckProtocol ?? '';
  // Some answers carry a path and a matcher for TCP checks too, where they mean nothing.
  const http = protocol.startsWith('HTTP');
  return {
    arn: pool.TargetGroupArn ?? '',
    name: pool.TargetGroupName ?? '',
    protocol: pool.Protocol ?? '',
    port: pool.Port ?? 0,
    vpcId: pool.VpcId ?? '',
    health: {
      protocol,
      port: pool.HealthCheckPort ?? '',
      ...(http && pool.HealthCheckPath !== undefined ? { path: pool.HealthCheckPath } : {}),
      ...(http && pool.Matcher?.HttpCode !== undefined ? { matcher: pool.Matcher.HttpCode } : {}),
      intervalSeconds: pool.HealthCheckIntervalSeconds ?? 0,
      timeoutSeconds: pool.HealthCheckTimeoutSeconds ?? 0,
      healthyThreshold: pool.HealthyThresholdCount ?? 0,
      unhealthyThreshold: pool.UnhealthyThresholdCount ?? 0,
    },
  };
}

export function listenerRow(listener: ElbListener): Listener {
  const forwards = (listener.DefaultActions ?? []).flatMap((action) => [
    ...(action.TargetGroupArn === undefined ? [] : [action.TargetGroupArn]),
    ...(action.ForwardConfig?.TargetGroups ?? []).flatMap((tuple) => tuple.TargetGroupArn ?? []),
  ]);
  return {
    arn: listener.ListenerArn ?? '',
    port: listener.Port ?? 0,
    protocol: listener.Protocol ?? '',
    certificates: (listener.Certificates ?? []).flatMap((certificate) => certificate.CertificateArn ?? []),
    poolArns: Array.from(new Set(forwards)),
  };
}

export function targetRow({ Target: target, TargetHealth: health }: TargetHealthDescription): Target {
  const reason = health?.Reason;
  return {
    id: target?.Id ?? '',
    port: target?.Port ?? 0,
    health: healthOf(health?.State),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html */
function healthOf(state: string | undefined): MemberHealth {
  switch (state) {
    case 'initial':
    case 'healthy':
    case 'unhealthy':
    case 'draining':
    case 'unused':
      return state;
    case 'unhealthy.draining':
      return 'draining';
    default:
      // `unavailable`: AWS has no health to tell.
      return 'unhealthy';
  }
}
