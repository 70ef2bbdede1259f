import type { Call, Handlers } from '../call.ts';
import { releaseAddress, takeAddresses } from '../ec2/addresses.ts';
import { invalid, refuse } from '../errors.ts';
import { pageOf } from '../paging.ts';
import type { Params } from '../query.ts';
import type { Balancer, Subnet } from '../records.ts';
import type { Region } from '../region.ts';
import { readTags } from '../tags.ts';
import { leaf, members, node, timestamp } from '../xml.ts';
import { attributesXml, balancerDefaults, changedAttributes } from './attributes.ts';
import { balancerNotFound, checkName, findBalancer, readPaging, required } from './lookup.ts';

export const balancerHandlers: Handlers = {
  CreateLoadBalancer: createLoadBalancer,
  DescribeLoadBalancers: describeLoadBalancers,
  DeleteLoadBalancer: deleteLoadBalancer,
  SetSubnets: setSubnets,
  SetSecurityGroups: setSecurityGroups,
  DescribeLoadBalancerAttributes: ({ params, region, seenAt }) => {
    const arn = required(params, 'LoadBalancerArn');
    const balancer = region.balancers.seenById(arn, seenAt);
    if (balancer === undefined) throw balancerNotFound(arn);
    return attributesXml(balancer.attributes);
  },
  ModifyLoadBalancerAttributes: ({ params, region }) => {
    const balancer = findBalancer(region, params);
    const attributes = changedAttributes(params, balancer.attributes, 'Load balancer');
    region.balancers.put({ ...balancer, attributes });
    return attributesXml(attributes);
  },
};

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html */
function createLoadBalancer(call: Call): string {
  const { params, region, now } = call;
  const name = required(params, 'Name');
  checkName(name, 'Load balancer');
  if (name.startsWith('internal-'))
    throw invalid(`Load balancer name '${name}' cannot begin with 'internal-'`);
  const type = params.text('Type') === 'network' ? 'network' : 'application';
  const scheme = params.text('Scheme') === 'internal' ? 'internal' : 'internet-facing';
  const subnets = readSubnets(region, params, type);
  const vpcId = subnets[0]?.vpcId ?? '';
  const groupIds = readGroups(region, params, type, vpcId);
  const wanted = {
    type,
    scheme,
    ipAddressType: params.text('IpAddressType') ?? 'ipv4',
    vpcId,
    zones: zonesOf(subnets),
    groupIds,
  } as const;
  const existing = region.balancers.all().find((balancer) => balancer.name === name);
  if (existing !== undefined) {
    if (settingsOf(existing) === settingsOf(wanted)) return balancersXml([existing], now);
    throw refuse(
      'DuplicateLoadBalancerName',
      `A load balancer with the same name '${name}' exists, but with different settings`,
    );
  }
  const suffix = region.ids.suffix();
  const kind = type === 'network' ? 'net' : 'app';
  const balancer: Balancer = {
    ...wanted,
    id: `arn:aws:elasticloadbalancing:${region.name}:${region.account}:loadbalancer/${kind}/${name}/${suffix}`,
    name,
    dnsName: dnsName(region, wanted, name, suffix),
    createdAt: now,
    activeAt: now + region.settings.balancerMs,
    attributes: balancerDefaults(type),
    interfaces: makeInterfaces(region, subnets),
    tags: readTags(params, 'Tags'),
  };
  region.balancers.put(balancer);
  return balancersXml([balancer], now);
}

function describeLoadBalancers(call: Call): string {
  const { params, region, seenAt } = call;
  const arns = params.texts('LoadBalancerArns');
  const names = params.texts('Names');
  const seen = region.balancers.seen(seenAt);
  for (const arn of arns) {
    if (!seen.some((balancer) => balancer.id === arn)) throw balancerNotFound(arn);
  }
  for (const name of names) {
    if (!seen.some((balancer) => balancer.name === name)) {
      throw refuse('LoadBalancerNotFound', `Load balancers '[${name}]' not found`);
    }
  }
  const selected = seen
    .filter((balancer) => arns.length === 0 || arns.includes(balancer.id))
    .filter((balancer) => names.length === 0 || names.includes(balancer.name));
  const page = pageOf(region.balancers, selected, readPaging(params));
  return balancersXml(page.values, seenAt) + leaf('NextMarker', page.next);
}

/** Succeeds for what does not exist, as the real one does. Listeners go with their balancer, target groups stay. */
function deleteLoadBalancer(call: Call): string {
  const { params, region } = call;
  const balancer = region.balancers.get(required(params, 'LoadBalancerArn'));
  if (balancer === undefined) return '';
  if (balancer.attributes['deletion_protection.enabled'] === 'true') {
    throw refuse(
      'OperationNotPermitted',
      `Load balancer '${balancer.id}' cannot be deleted because deletion protection is enabled`,
    );
  }
  removeBalancer(region, balancer);
  return '';
}

export function removeBalancer(region: Region, balancer: Balancer): void {
  for (const listener of region.listeners.all()) {
    if (listener.balancerArn === balancer.id) region.listeners.remove(listener.id);
  }
  region.balancers.remove(balancer.id);
  const until = region.clock.now() + region.settings.interfaceLingerMs;
  for (const held of balancer.interfaces) {
    releaseAddress(region, held.subnetId, held.privateIp);
    region.lingering.push({
      ...held,
      balancerArn: balancer.id,
      groupIds: balancer.groupIds ?? [],
      vpcId: balancer.vpcId,
      zone: region.subnets.get(held.subnetId)?.zone ?? '',
      until,
    });
  }
}

function setSubnets(call: Call): string {
  const { params, region } = call;
  const balancer = findBalancer(region, params);
  const subnets = readSubnets(region, params, balancer.type);
  if (subnets.some((subnet) => subnet.vpcId !== balancer.vpcId)) {
    throw refuse('InvalidConfigurationRequest', 'The subnets must belong to the VPC of the load balancer');
  }
  // https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html
  const held = balancer.type === 'network' ? balancer.zones : [];
  const taken = subnets.find(({ id, zone }) => held.some((has) => has.zone === zone && has.subnetId !== id));
  if (taken !== undefined) {
    throw refuse(
      'InvalidConfigurationRequest',
      `You cannot specify an additional subnet from an Availability Zone that is already associated with the load balancer. The Availability Zone '${taken.zone}' corresponding to the new subnet '${taken.id}' is already associated with the load balancer.`,
    );
  }
  const kept = balancer.interfaces.filter((held) => subnets.some((subnet) => subnet.id === held.subnetId));
  const added = subnets.filter((subnet) => !kept.some((held) => held.subnetId === subnet.id));
  for (const held of balancer.interfaces) {
    if (!kept.includes(held)) releaseAddress(region, held.subnetId, held.privateIp);
  }
  const changed: Balancer = {
    ...balancer,
    zones: zonesOf(subnets),
    interfaces: [...kept, ...makeInterfaces(region, added)],
  };
  region.balancers.put(changed);
  return zonesXml(changed) + leaf('IpAddressType', changed.ipAddressType);
}

function setSecurityGroups(call: Call): string {
  const { params, region } = call;
  const balancer = findBalancer(region, params);
  if (balancer.groupIds === undefined) {
    throw refuse(
      'InvalidConfigurationRequest',
      'You cannot set security groups on a Network Load Balancer that was created without security groups',
    );
  }
  const groupIds = readGroups(region, params, balancer.type, balancer.vpcId);
  if (groupIds === undefined)
    throw refuse('InvalidConfigurationRequest', 'At least one security group must be given');
  region.balancers.put({ ...balancer, groupIds });
  return members('SecurityGroupIds', groupIds, (id) => id);
}

function readSubnets(region: Region, params: Params, type: Balancer['type']): readonly Subnet[] {
  const ids = [
    ...params.texts('Subnets'),
    ...params.list('SubnetMappings').map((mapping) => mapping.text('SubnetId') ?? ''),
  ];
  const subnets = ids.map((id) => {
    const subnet = region.subnets.get(id);
    if (subnet === undefined) throw refuse('SubnetNotFound', `The subnet ID '${id}' does not exist`);
    return subnet;
  });
  if (subnets.length === 0) throw invalid('At least one subnet must be specified');
  if (new Set(subnets.map((subnet) => subnet.vpcId)).size > 1) {
    throw refuse('InvalidConfigurationRequest', 'All subnets must belong to the same VPC');
  }
  const zones = new Set(subnets.map((subnet) => subnet.zone));
  if (zones.size < subnets.length) {
    throw refuse(
      'InvalidConfigurationRequest',
      'A load balancer cannot be attached to multiple subnets in the same Availability Zone',
    );
  }
  if (type === 'application' && zones.size < 2) {
    throw invalid('At least two subnets in two different Availability Zones must be specified');
  }
  return subnets;
}

/** An application balancer without groups gets the VPC's default one; a network balancer has none, for good. */
function readGroups(
  region: Region,
  params: Params,
  type: Balancer['type'],
  vpcId: string,
): readonly string[] | undefined {
  const ids = params.texts('SecurityGroups');
  for (const id of ids) {
    const group = region.groups.get(id);
    if (group === undefined)
      throw refuse('InvalidSecurityGroup', `The security group '${id}' does not exist`);
    if (group.vpcId !== vpcId) {
      throw refuse(
        'InvalidConfigurationRequest',
        `One or more security groups are invalid: '${id}' is not in '${vpcId}'`,
      );
    }
  }
  if (ids.length > 0) return ids;
  if (type === 'network') return undefined;
  const standard = region.groups.all().find((group) => group.vpcId === vpcId && group.name === 'default');
  return standard === undefined ? [] : [standard.id];
}

function settingsOf(
  balancer: Pick<Balancer, 'type' | 'scheme' | 'ipAddressType' | 'zones' | 'groupIds'>,
): string {
  return JSON.stringify([
    balancer.type,
    balancer.scheme,
    balancer.ipAddressType,
    balancer.zones.map((zone) => zone.subnetId).sort(),
    [...(balancer.groupIds ?? [])].sort(),
  ]);
}

function makeInterfaces(region: Region, subnets: readonly Subnet[]): Balancer['interfaces'] {
  return subnets.map((subnet) => {
    const id = region.ids.next('eni');
    return { id, subnetId: subnet.id, privateIp: takeAddresses(region, subnet, [id])[0] ?? '' };
  });
}

function zonesOf(subnets: readonly Subnet[]): Balancer['zones'] {
  return subnets.map((subnet) => ({ zone: subnet.zone, subnetId: subnet.id }));
}

function dnsName(
  region: Region,
  balancer: Pick<Balancer, 'type' | 'scheme'>,
  name: string,
  suffix: string,
): string {
  const host = `${balancer.scheme === 'internal' ? 'internal-' : ''}${name}`;
  return balancer.type === 'network'
    ? `${name}-${suffix}.elb.${region.name}.amazonaws.com`
    : `${host}-${Number.parseInt(suffix.slice(0, 8), 16)}.${region.name}.elb.amazonaws.com`;
}

function balancersXml(balancers: readonly Balancer[], at: number): string {
  return members(
    'LoadBalancers',
    balancers,
    (balancer) =>
      leaf('LoadBalancerArn', balancer.id) +
      leaf('DNSName', balancer.dnsName) +
      leaf('CanonicalHostedZoneId', balancer.type === 'network' ? 'Z26RNL4JYFTOTI' : 'Z35SXDOTRQ7X7K') +
      leaf('CreatedTime', timestamp(balancer.createdAt)) +
      leaf('LoadBalancerName', balancer.name) +
      leaf('Scheme', balancer.scheme) +
      leaf('VpcId', balancer.vpcId) +
      node('State', leaf('Code', at < balancer.activeAt ? 'provisioning' : 'active')) +
      leaf('Type', balancer.type) +
      zonesXml(balancer) +
      (balancer.groupIds === undefined ? '' : members('SecurityGroups', balancer.groupIds, (id) => id)) +
      leaf('IpAddressType', balancer.ipAddressType),
  );
}

function zonesXml(balancer: Balancer): string {
  return members(
    'AvailabilityZones',
    balancer.zones,
    (zone) => `${leaf('ZoneName', zone.zone) + leaf('SubnetId', zone.subnetId)}<LoadBalancerAddresses/>`,
  );
}
