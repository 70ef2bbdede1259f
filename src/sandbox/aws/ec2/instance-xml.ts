import type { Instance } from '../records.ts';
import type { Region } from '../region.ts';
import { tagSet } from '../tags.ts';
import { items, leaf, node, timestamp } from '../xml.ts';
import { type InstanceState, stateCodes, stateOf } from './state.ts';

/** A run of instances of one launch, as both RunInstances and DescribeInstances answer. */
export function reservationXml(region: Region, instances: readonly Instance[], at: number): string {
  return (
    leaf('reservationId', instances[0]?.reservationId) +
    leaf('ownerId', region.account) +
    '<groupSet/>' +
    items('instancesSet', instances, (instance) => instanceXml(region, instance, at))
  );
}

/** Instances that follow each other and came from one launch share a reservation. */
export function reservations(instances: readonly Instance[]): Instance[][] {
  const groups: Instance[][] = [];
  for (const instance of instances) {
    const last = groups.at(-1);
    if (last?.[0]?.reservationId === instance.reservationId) last.push(instance);
    else groups.push([instance]);
  }
  return groups;
}

export function stateXml(name: string, state: InstanceState): string {
  return `<${name}><code>${stateCodes[state]}</code><name>${state}</name></${name}>`;
}

/** A full listing is read again and again while few of its machines change: each is written once for each state. */
const written = new WeakMap<Instance, { readonly state: InstanceState; readonly xml: string }>();

function instanceXml(region: Region, instance: Instance, at: number): string {
  const state = stateOf(region, instance, at) ?? 'terminated';
  const before = written.get(instance);
  if (before?.state === state) return before.xml;
  const xml = writeInstance(region, instance, state);
  written.set(instance, { state, xml });
  return xml;
}

function writeInstance(region: Region, instance: Instance, state: InstanceState): string {
  const gone = state === 'terminated';
  return (
    leaf('instanceId', instance.id) +
    leaf('imageId', instance.imageId) +
    stateXml('instanceState', state) +
    leaf('privateDnsName', gone ? '' : privateDnsName(region, instance.privateIp)) +
    leaf('dnsName', gone || instance.publicIp === undefined ? '' : publicDnsName(region, instance.publicIp)) +
    leaf('reason', isEnding(state) ? endingText(instance) : '') +
    leaf('keyName', instance.keyName) +
    leaf('amiLaunchIndex', instance.launchIndex) +
    '<productCodes/>' +
    leaf('instanceType', instance.instanceType) +
    leaf('launchTime', timestamp(instance.launchedAt)) +
    placementXml(region, instance) +
    node('monitoring', leaf('state', instance.monitoring ? 'enabled' : 'disabled')) +
    (gone ? '' : networkXml(instance)) +
    stateReasonXml(instance, state) +
    leaf('architecture', instance.architecture) +
    '<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>' +
    volumesXml(instance, gone) +
    '<virtualizationType>hvm</virtualizationType>' +
    (instance.spotRequestId === undefined
      ? ''
      : `<instanceLifecycle>spot</instanceLifecycle>${leaf('spotInstanceRequestId', instance.spotRequestId)}`) +
    leaf('clientToken', instance.clientToken ?? '') +
    tagSet(instance.tags) +
    (gone ? '<groupSet/>' : groupsXml(region, instance)) +
    '<hypervisor>xen</hypervisor>' +
    (gone ? '<networkInterfaceSet/>' : interfacesXml(region, instance, state)) +
    (instance.profile === undefined
      ? ''
      : node('iamInstanceProfile', leaf('arn', instance.profile), leaf('id', 'AIPA0000000000SANDBOX'))) +
    leaf('ebsOptimized', instance.ebsOptimized) +
    '<enaSupport>true</enaSupport>' +
    node(
      'metadataOptions',
      leaf('state', 'applied'),
      leaf('httpTokens', instance.metadata.tokens),
      leaf('httpPutResponseHopLimit', instance.metadata.hopLimit),
      leaf('httpEndpoint', instance.metadata.endpoint),
      leaf('httpProtocolIpv6', 'disabled'),
      leaf('instanceMetadataTags', instance.metadata.tags),
    )
  );
}

function isEnding(state: InstanceState): boolean {
  return state === 'shutting-down' || state === 'terminated' || state === 'stopped';
}

/** `User initiated (2026-01-01 00:00:00 GMT)`, or the cloud's own reason. */
function endingText({ endReason, endedAt }: Instance): string {
  if (endReason?.code !== userInitiated || endedAt === undefined) return endReason?.message ?? '';
  return `User initiated (${timestamp(endedAt).slice(0, 19).replace('T', ' ')} GMT)`;
}

/** The code of a machine that was terminated by call. */
export const userInitiated = 'Client.UserInitiatedShutdown';

function stateReasonXml({ endReason }: Instance, state: InstanceState): string {
  const reason =
    state === 'pending' ? { code: 'pending', message: 'pending' } : isEnding(state) ? endReason : undefined;
  return reason === undefined
    ? ''
    : node('stateReason', leaf('code', reason.code), leaf('message', reason.message));
}

function placementXml(region: Region, instance: Instance): string {
  const zoneId = region.zones.find((zone) => zone.name === instance.zone)?.id;
  return node(
    'placement',
    leaf('availabilityZone', instance.zone),
    leaf('availabilityZoneId', zoneId),
    leaf('groupName', instance.placementGroup ?? ''),
    leaf('tenancy', instance.tenancy),
  );
}

function networkXml(instance: Instance): string {
  return (
    leaf('subnetId', instance.subnetId) +
    leaf('vpcId', instance.vpcId) +
    leaf('privateIpAddress', instance.privateIp) +
    leaf('ipAddress', instance.publicIp) +
    leaf('sourceDestCheck', instance.sourceDestCheck)
  );
}

function volumesXml(instance: Instance, gone: boolean): string {
  return items(
    'blockDeviceMapping',
    gone ? [] : instance.volumes,
    (volume) =>
      leaf('deviceName', volume.device) +
      node(
        'ebs',
        leaf('volumeId', volume.id),
        leaf('status', 'attached'),
        leaf('attachTime', timestamp(instance.launchedAt)),
        leaf('deleteOnTermination', volume.deleteOnTermination),
      ),
  );
}

export function groupsXml(region: Region, holder: { readonly groupIds: readonly string[] }): string {
  return items(
    'groupSet',
    holder.groupIds,
    (id) => leaf('groupId', id) + leaf('groupName', region.groups.get(id)?.name ?? ''),
  );
}

function interfacesXml(region: Region, instance: Instance, state: InstanceState): string {
  return items(
    'networkInterfaceSet',
    [instance],
    () =>
      leaf('networkInterfaceId', instance.interfaceId) +
      leaf('subnetId', instance.subnetId) +
      leaf('vpcId', instance.vpcId) +
      '<description/>' +
      leaf('ownerId', region.account) +
      '<status>in-use</status>' +
      leaf('privateIpAddress', instance.privateIp) +
      leaf('sourceDestCheck', instance.sourceDestCheck) +
      groupsXml(region, instance) +
      node(
        'attachment',
        leaf('attachmentId', instance.interfaceId.replace('eni-', 'eni-attach-')),
        '<deviceIndex>0</deviceIndex>',
        leaf('status', state === 'pending' ? 'attaching' : 'attached'),
        leaf('attachTime', timestamp(instance.launchedAt)),
        '<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex>',
      ) +
      (instance.publicIp === undefined ? '' : associationXml(region, instance.publicIp)) +
      items(
        'privateIpAddressesSet',
        [instance.privateIp],
        (address) =>
          leaf('privateIpAddress', address) +
          '<primary>true</primary>' +
          (instance.publicIp === undefined ? '' : associationXml(region, instance.publicIp)),
      ) +
      '<interfaceType>interface</interfaceType>',
  );
}

export function associationXml(region: Region, publicIp: string): string {
  return node(
    'association',
    leaf('publicIp', publicIp),
    leaf('publicDnsName', publicDnsName(region, publicIp)),
    leaf('ipOwnerId', 'amazon'),
  );
}

function privateDnsName(region: Region, address: string): string {
  const domain = region.name === 'us-east-1' ? 'ec2.internal' : `${region.name}.compute.internal`;
  return `ip-${address.replaceAll('.', '-')}.${domain}`;
}

function publicDnsName(region: Region, address: string): string {
  const domain =
    region.name === 'us-east-1' ? 'compute-1.amazonaws.com' : `${region.name}.compute.amazonaws.com`;
  return `ec2-${address.replaceAll('.', '-')}.${domain}`;
}
