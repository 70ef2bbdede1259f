import type { Call, Handlers } from '../call.ts';
import { invalid, refuse } from '../errors.ts';
import { pageOf } from '../paging.ts';
import type { Params } from '../query.ts';
import type { HealthCheck, TargetGroup } from '../records.ts';
import type { Region } from '../region.ts';
import { readTags } from '../tags.ts';
import { leaf, members, node } from '../xml.ts';
import { attributesXml, changedAttributes, targetGroupDefaults } from './attributes.ts';
import {
  checkName,
  findTargetGroup,
  listenersOf,
  readPaging,
  required,
  targetGroupNotFound,
} from './lookup.ts';

export const targetGroupHandlers: Handlers = {
  CreateTargetGroup: createTargetGroup,
  DescribeTargetGroups: describeTargetGroups,
  ModifyTargetGroup: modifyTargetGroup,
  DeleteTargetGroup: deleteTargetGroup,
  DescribeTargetGroupAttributes: ({ params, region, seenAt }) => {
    const group = region.targetGroups.seenById(required(params, 'TargetGroupArn'), seenAt);
    if (group === undefined) throw targetGroupNotFound();
    return attributesXml(group.attributes);
  },
  ModifyTargetGroupAttributes: ({ params, region }) => {
    const group = findTargetGroup(region, params);
    const attributes = changedAttributes(params, group.attributes, 'Target group');
    region.targetGroups.put({ ...group, attributes });
    return attributesXml(attributes);
  },
};

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html */
function createTargetGroup(call: Call): string {
  const { params, region, seenAt } = call;
  const name = required(params, 'Name');
  checkName(name, 'Target group');
  const protocol = required(params, 'Protocol');
  if (!['HTTP', 'HTTPS', 'TCP', 'TLS', 'UDP', 'TCP_UDP'].includes(protocol)) {
    throw invalid(
      `1 validation error detected: Value '${protocol}' at 'protocol' failed to satisfy constraint`,
    );
  }
  const port = Number(required(params, 'Port'));
  if (!(port >= 1 && port <= 65_535)) throw invalid(`Port '${port}' must be between 1 and 65535`);
  const vpcId = required(params, 'VpcId');
  if (region.vpcs.get(vpcId) === undefined) throw invalid(`The VPC ID '${vpcId}' is not found`);
  const wanted = {
    protocol,
    protocolVersion: isHttp(protocol) ? (params.text('ProtocolVersion') ?? 'HTTP1') : undefined,
    port,
    vpcId,
    targetType: params.text('TargetType') ?? 'instance',
    ipAddressType: params.text('IpAddressType') ?? 'ipv4',
    healthCheck: readHealthCheck(params, defaultHealthCheck(protocol, params.text('HealthCheckProtocol'))),
  };
  const existing = region.targetGroups.all().find((group) => group.name === name);
  if (existing !== undefined) {
    if (settingsOf(existing) === settingsOf(wanted)) return targetGroupsXml(region, [existing], seenAt);
    throw refuse(
      'DuplicateTargetGroupName',
      `A target group with the same name '${name}' exists, but with different settings`,
    );
  }
  const group: TargetGroup = {
    ...wanted,
    id: `arn:aws:elasticloadbalancing:${region.name}:${region.account}:targetgroup/${name}/${region.ids.suffix()}`,
    name,
    attributes: targetGroupDefaults(isHttp(protocol)),
    targets: new Map(),
    tags: readTags(params, 'Tags'),
  };
  region.targetGroups.put(group);
  return targetGroupsXml(region, [group], seenAt);
}

function describeTargetGroups(call: Call): string {
  const { params, region, seenAt } = call;
  const arns = params.texts('TargetGroupArns');
  const names = params.texts('Names');
  const balancerArn = params.text('LoadBalancerArn');
  const seen = region.targetGroups.seen(seenAt);
  const known = new Set(seen.flatMap((group) => [group.id, group.name]));
  if ([...arns, ...names].some((wanted) => !known.has(wanted))) throw targetGroupNotFound();
  if (balancerArn !== undefined && region.balancers.seenById(balancerArn, seenAt) === undefined) {
    throw refuse('LoadBalancerNotFound', `Load balancer '${balancerArn}' not found`);
  }
  const selected = seen
    .filter((group) => arns.length === 0 || arns.includes(group.id))
    .filter((group) => names.length === 0 || names.includes(group.name))
    .filter((group) => balancerArn === undefined || balancersOf(region, group, seenAt).includes(balancerArn));
  const page = pageOf(region.targetGroups, selected, readPaging(params));
  return targetGroupsXml(region, page.values, seenAt) + leaf('NextMarker', page.next);
}

function modifyTargetGroup(call: Call): string {
  const { params, region, now } = call;
  const group = findTargetGroup(region, params);
  const changed = { ...group, healthCheck: readHealthCheck(params, group.healthCheck) };
  region.targetGroups.put(changed);
  return targetGroupsXml(region, [changed], now);
}

/** Succeeds for what does not exist; its registrations go with it. */
function deleteTargetGroup(call: Call): string {
  const { params, region, now } = call;
  const arn = required(params, 'TargetGroupArn');
  if (listenersOf(region, arn, now).length > 0) {
    throw refuse('ResourceInUse', `Target group '${arn}' is currently in use by a listener or a rule`);
  }
  region.targetGroups.remove(arn);
  return '';
}

export function isHttp(protocol: string): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

/** The balancers whose listeners send to a group: what `LoadBalancerArns` shows. */
export function balancersOf(region: Region, group: TargetGroup, at: number): string[] {
  return Array.from(new Set(listenersOf(region, group.id, at).map((listener) => listener.balancerArn)));
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html */
function defaultHealthCheck(protocol: string, chosen: string | undefined): HealthCheck {
  const checkProtocol = chosen ?? (isHttp(protocol) ? 'HTTP' : 'TCP');
  const overHttp = isHttp(checkProtocol);
  return {
    enabled: true,
    protocol: checkProtocol,
    port: 'traffic-port',
    path: overHttp ? '/' : undefined,
    intervalSeconds: 30,
    timeoutSeconds: isHttp(protocol) ? 5 : overHttp ? 6 : 10,
    healthyThreshold: 5,
    unhealthyThreshold: 2,
    httpCodes: overHttp ? (isHttp(protocol) ? '200' : '200-399') : undefined,
  };
}

function readHealthCheck(params: Params, before: HealthCheck): HealthCheck {
  const number = (name: string, present: number, min: number, max: number): number => {
    const value = Number(params.text(name) ?? present);
    if (!(value >= min && value <= max))
      throw invalid(`${name} '${value}' must be between '${min}' and '${max}' inclusive`);
    return value;
  };
  const protocol = params.text('HealthCheckProtocol') ?? before.protocol;
  if (!['HTTP', 'HTTPS', 'TCP'].includes(protocol)) {
    throw invalid(`Health check protocol '${protocol}' must be one of 'HTTP, HTTPS, TCP'`);
  }
  const path = params.text('HealthCheckPath');
  const httpCodes = params.text('Matcher.HttpCode');
  if (!isHttp(protocol) && (path !== undefined || httpCodes !== undefined)) {
    throw invalid(
      `Health check ${path === undefined ? 'matcher' : 'path'} is not supported for health checks with protocol '${protocol}'`,
    );
  }
  if (path !== undefined && !path.startsWith('/'))
    throw invalid(`Health check path '${path}' must begin with a '/' character`);
  const healthCheck: HealthCheck = {
    enabled: (params.text('HealthCheckEnabled') ?? String(before.enabled)) === 'true',
    protocol,
    port: params.text('HealthCheckPort') ?? before.port,
    path: isHttp(protocol) ? (path ?? before.path ?? '/') : undefined,
    intervalSeconds: number('HealthCheckIntervalSeconds', before.intervalSeconds, 5, 300),
    timeoutSeconds: number('HealthCheckTimeoutSeconds', before.timeoutSeconds, 2, 120),
    healthyThreshold: number('HealthyThresholdCount', before.healthyThreshold, 2, 10),
    unhealthyThreshold: number('UnhealthyThresholdCount', before.unhealthyThreshold, 2, 10),
    httpCodes: isHttp(protocol) ? (httpCodes ?? before.httpCodes ?? '200') : undefined,
  };
  if (healthCheck.timeoutSeconds > healthCheck.intervalSeconds) {
    throw invalid(
      `Health check timeout '${healthCheck.timeoutSeconds}' must be smaller than or equal to the interval '${healthCheck.intervalSeconds}'`,
    );
  }
  return healthCheck;
}

function settingsOf(
  group: Pick<
    TargetGroup,
    'protocol' | 'protocolVersion' | 'port' | 'vpcId' | 'targetType' | 'ipAddressType' | 'healthCheck'
  >,
): string {
  return JSON.stringify([
    group.protocol,
    group.protocolVersion,
    group.port,
    group.vpcId,
    group.targetType,
    group.ipAddressType,
    Object.entries(group.healthCheck),
  ]);
}

function targetGroupsXml(region: Region, groups: readonly TargetGroup[], at: number): string {
  return members('TargetGroups', groups, (group) => {
    const check = group.healthCheck;
    return (
      leaf('TargetGroupArn', group.id) +
      leaf('TargetGroupName', group.name) +
      leaf('Protocol', group.protocol) +
      leaf('Port', group.port) +
      leaf('VpcId', group.vpcId) +
      leaf('HealthCheckProtocol', check.protocol) +
      leaf('HealthCheckPort', check.port) +
      leaf('HealthCheckEnabled', check.enabled) +
      leaf('HealthCheckIntervalSeconds', check.intervalSeconds) +
      leaf('HealthCheckTimeoutSeconds', check.timeoutSeconds) +
      leaf('HealthyThresholdCount', check.healthyThreshold) +
      leaf('UnhealthyThresholdCount', check.unhealthyThreshold) +
      leaf('HealthCheckPath', check.path) +
      (check.httpCodes === undefined ? '' : node('Matcher', leaf('HttpCode', check.httpCodes))) +
      members('LoadBalancerArns', balancersOf(region, group, at), (arn) => arn) +
      leaf('TargetType', group.targetType) +
      leaf('ProtocolVersion', group.protocolVersion) +
      leaf('IpAddressType', group.ipAddressType)
    );
  });
}
