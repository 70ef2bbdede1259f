import type { Call, Handlers } from '../call.ts';
import { refuse } from '../errors.ts';
import { readFilters } from '../filters.ts';
import type { Tags } from '../records.ts';
import type { Region } from '../region.ts';
import { tagSet } from '../tags.ts';
import { items, leaf, node } from '../xml.ts';
import { associationXml, groupsXml } from './instance-xml.ts';
import { isAlive, stateOf } from './state.ts';

/** A network interface, of an instance or of a load balancer: what really holds groups, subnets and addresses. */
interface NetworkInterface {
  readonly id: string;
  readonly groupIds: readonly string[];
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly privateIp: string;
  readonly publicIp: string | undefined;
  readonly instanceId: string | undefined;
  readonly type: string;
  readonly description: string;
  readonly requester: string | undefined;
  readonly tags: Tags;
}

export const interfaceHandlers: Handlers = { DescribeNetworkInterfaces: describeNetworkInterfaces };

/** All interfaces at a moment, with those that a deleted balancer has not yet let go of. */
function interfacesAt(region: Region, at: number): NetworkInterface[] {
  const ofInstances = region.instances
    .seen(at)
    .filter((instance) => isAlive(region, instance, at))
    .map((instance) => ({
      id: instance.interfaceId,
      groupIds: instance.groupIds,
      subnetId: instance.subnetId,
      vpcId: instance.vpcId,
      zone: instance.zone,
      privateIp: instance.privateIp,
      publicIp: stateOf(region, instance, at) === 'stopped' ? undefined : instance.publicIp,
      instanceId: instance.id,
      type: 'interface',
      description: '',
      requester: undefined,
      tags: instance.interfaceTags,
    }));
  const ofBalancers = region.balancers.seen(at).flatMap((balancer) =>
    balancer.interfaces.map((held) => ({
      ...held,
      ...balancerInterface(balancer.id),
      groupIds: balancer.groupIds ?? [],
      vpcId: balancer.vpcId,
      zone: region.subnets.get(held.subnetId)?.zone ?? '',
    })),
  );
  const lingering = region.lingering
    .filter((held) => held.until > at && region.balancers.seenById(held.balancerArn, at) === undefined)
    .map((held) => ({ ...held, ...balancerInterface(held.balancerArn) }));
  return [...ofInstances, ...ofBalancers, ...lingering];
}

/** Ids of all groups that something alive still uses. */
export function groupsInUse(region: Region, at: number): ReadonlySet<string> {
  return new Set(interfacesAt(region, at).flatMap((held) => held.groupIds));
}

function balancerInterface(arn: string) {
  return {
    publicIp: undefined,
    instanceId: undefined,
    type: arn.includes('/net/') ? 'network_load_balancer' : 'interface',
    description: `ELB ${arn.split(':loadbalancer/')[1] ?? arn}`,
    requester: 'amazon-elb',
    tags: {},
  } as const;
}

function describeNetworkInterfaces(call: Call): string {
  const { params, region, seenAt } = call;
  const test = readFilters<NetworkInterface>(params, {
    'network-interface-id': (held) => [held.id],
    'group-id': (held) => held.groupIds,
    'subnet-id': (held) => [held.subnetId],
    'vpc-id': (held) => [held.vpcId],
    'attachment.instance-id': (held) => [held.instanceId],
    description: (held) => [held.description],
    'requester-id': (held) => [held.requester],
    'interface-type': (held) => [held.type],
    status: () => ['in-use'],
  });
  const ids = params.texts('NetworkInterfaceId');
  const all = interfacesAt(region, seenAt);
  for (const id of ids) {
    if (!all.some((held) => held.id === id)) {
      throw refuse('InvalidNetworkInterfaceID.NotFound', `The networkInterface ID '${id}' does not exist`);
    }
  }
  const selected = all.filter((held) => ids.length === 0 || ids.includes(held.id)).filter(test);
  return items('networkInterfaceSet', selected, (held) => interfaceXml(region, held));
}

function interfaceXml(region: Region, held: NetworkInterface): string {
  return (
    leaf('networkInterfaceId', held.id) +
    leaf('subnetId', held.subnetId) +
    leaf('vpcId', held.vpcId) +
    leaf('availabilityZone', held.zone) +
    leaf('description', held.description) +
    leaf('ownerId', region.account) +
    leaf('requesterId', held.requester) +
    leaf('requesterManaged', held.requester !== undefined) +
    '<status>in-use</status>' +
    leaf('privateIpAddress', held.privateIp) +
    '<sourceDestCheck>true</sourceDestCheck>' +
    groupsXml(region, held) +
    node(
      'attachment',
      leaf('attachmentId', held.id.replace('eni-', 'eni-attach-')),
      leaf('instanceId', held.instanceId),
      leaf('instanceOwnerId', held.requester ?? region.account),
      '<deviceIndex>0</deviceIndex><status>attached</status>',
      leaf('deleteOnTermination', held.instanceId !== undefined),
    ) +
    (held.publicIp === undefined ? '' : associationXml(region, held.publicIp)) +
    tagSet(held.tags) +
    items(
      'privateIpAddressesSet',
      [held.privateIp],
      (address) => `${leaf('privateIpAddress', address)}<primary>true</primary>`,
    ) +
    leaf('interfaceType', held.type)
  );
}
