import type { Call } from '../call.ts';
import { missing, refuse } from '../errors.ts';
import type { Params } from '../query.ts';
import type { Instance, Subnet, Volume } from '../records.ts';
import type { Region } from '../region.ts';
import { checkTagSpecifications, readTagSpecifications } from '../tags.ts';
import { type Image, imagesOf, instanceTypes } from './catalogue.ts';

/** A checked RunInstances call: everything about the machines that does not differ between them. */
export interface LaunchRequest {
  readonly minCount: number;
  readonly maxCount: number;
  readonly subnet: Subnet;
  readonly publicIp: boolean;
  readonly spot: boolean;
  readonly volumes: readonly Omit<Volume, 'id'>[];
  readonly shape: Pick<
    Instance,
    | 'imageId'
    | 'instanceType'
    | 'architecture'
    | 'groupIds'
    | 'keyName'
    | 'profile'
    | 'protected'
    | 'userData'
    | 'metadata'
    | 'monitoring'
    | 'ebsOptimized'
    | 'tenancy'
    | 'placementGroup'
    | 'cpuCredits'
    | 'sourceDestCheck'
    | 'interfaceTags'
    | 'tags'
  >;
}

/** Checks in about the order EC2 does, so that of several faults the same one is named. */
export function readLaunchRequest(call: Call): LaunchRequest {
  const { params, region } = call;
  checkTagSpecifications(params, [
    'instance',
    'volume',
    'network-interface',
    'spot-instances-request',
    'elastic-gpu',
  ]);
  const counts = readCounts(params);
  const image = findImage(region, params.text('ImageId'));
  const type = readType(params, image);
  const card = params.list('NetworkInterface')[0];
  if (card !== undefined && (params.has('SubnetId') || params.has('SecurityGroupId'))) {
    const what = params.has('SubnetId') ? 'subnet ID' : 'security groups';
    throw refuse(
      'InvalidParameterCombination',
      `Network interfaces and an instance-level ${what} may not be specified on the same request`,
    );
  }
  const subnet = findSubnet(region, params, card);
  const groupIds = findGroups(region, card ?? params, subnet);
  const spot = params.text('InstanceMarketOptions.MarketType') === 'spot';
  return {
    ...counts,
    subnet,
    spot,
    publicIp: (card?.text('AssociatePublicIpAddress') ?? String(subnet.publicIps)) === 'true',
    volumes: readVolumes(params, image),
    shape: {
      imageId: image.id,
      instanceType: type.name,
      architecture: type.architecture,
      groupIds,
      keyName: findKey(region, params),
      profile: findProfile(region, params),
      protected: params.text('DisableApiTermination') === 'true',
      userData: readUserData(params),
      metadata: {
        tokens: params.text('MetadataOptions.HttpTokens') ?? 'required',
        endpoint: params.text('MetadataOptions.HttpEndpoint') ?? 'enabled',
        hopLimit: Number(params.text('MetadataOptions.HttpPutResponseHopLimit') ?? '2'),
        tags: params.text('MetadataOptions.InstanceMetadataTags') ?? 'disabled',
      },
      monitoring: params.text('Monitoring.Enabled') === 'true',
      ebsOptimized: params.text('EbsOptimized') === 'true',
      tenancy: params.text('Placement.Tenancy') ?? 'default',
      placementGroup: params.text('Placement.GroupName'),
      cpuCredits: params.text('CreditSpecification.CpuCredits'),
      sourceDestCheck: true,
      interfaceTags: readTagSpecifications(params, 'network-interface'),
      tags: readTagSpecifications(params, 'instance'),
    },
  };
}

function readCounts(params: Params): { readonly minCount: number; readonly maxCount: number } {
  const min = params.text('MinCount');
  const max = params.text('MaxCount');
  if (min === undefined) throw missing('MinCount');
  if (max === undefined) throw missing('MaxCount');
  const [minCount, maxCount] = [Number(min), Number(max)];
  if (!(minCount >= 1))
    throw refuse('InvalidParameterValue', `Value (${min}) for parameter minCount is invalid.`);
  if (!(maxCount >= minCount)) {
    throw refuse(
      'InvalidParameterValue',
      `Value (${max}) for parameter maxCount is invalid. Must be at least ${min}`,
    );
  }
  return { minCount, maxCount };
}

export function findImage(region: Region, id: string | undefined): Image {
  if (id === undefined) throw missing('ImageId');
  if (!/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)) {
    throw refuse(
      'InvalidAMIID.Malformed',
      `Invalid id: "${id}"${id.startsWith('ami-') ? '' : ' (expecting "ami-...")'}`,
    );
  }
  const image = imagesOf(region.name).find((candidate) => candidate.id === id);
  if (image === undefined) throw refuse('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  return image;
}

function readType(params: Params, image: Image) {
  const name = params.text('InstanceType') ?? 'm1.small';
  const type = instanceTypes.get(name);
  if (type === undefined) throw refuse('InvalidParameterValue', `Invalid value '${name}' for InstanceType.`);
  if (type.architecture !== image.architecture) {
    throw refuse(
      'InvalidParameterValue',
      `The architecture '${type.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.`,
    );
  }
  return type;
}

function findSubnet(region: Region, params: Params, card: Params | undefined): Subnet {
  const zone = params.text('Placement.AvailabilityZone');
  const id = card?.text('SubnetId') ?? params.text('SubnetId');
  if (id !== undefined) {
    const subnet = region.subnets.get(id);
    if (subnet === undefined)
      throw refuse('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
    if (zone !== undefined && zone !== subnet.zone) {
      throw refuse(
        'InvalidParameterValue',
        `The availability zone '${zone}' does not match the zone of subnet '${id}', ${subnet.zone}`,
      );
    }
    return subnet;
  }
  if (zone !== undefined && !region.zones.some((candidate) => candidate.name === zone)) {
    throw refuse('InvalidParameterValue', `Invalid availability zone: [${zone}]`);
  }
  const subnet = region.subnets
    .all()
    .find((candidate) => candidate.isDefault && (zone === undefined || candidate.zone === zone));
  if (subnet === undefined) {
    throw refuse(
      'VPCIdNotSpecified',
      'No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.',
    );
  }
  return subnet;
}

function findGroups(region: Region, params: Params, subnet: Subnet): readonly string[] {
  const ids = Array.from(new Set(params.texts('SecurityGroupId')));
  if (ids.length > 5) {
    throw refuse(
      'SecurityGroupsPerInterfaceLimitExceeded',
      'The maximum number of security groups per interface has been reached.',
    );
  }
  for (const id of ids) {
    const group = region.groups.get(id);
    if (group === undefined)
      throw refuse('InvalidGroup.NotFound', `The security group '${id}' does not exist`);
    if (group.vpcId !== subnet.vpcId) {
      throw refuse(
        'InvalidParameter',
        `Security group ${id} and subnet ${subnet.id} belong to different networks.`,
      );
    }
  }
  if (ids.length > 0) return ids;
  const standard = region.groups
    .all()
    .find((group) => group.vpcId === subnet.vpcId && group.name === 'default');
  return standard === undefined ? [] : [standard.id];
}

function findKey(region: Region, params: Params): string | undefined {
  const name = params.text('KeyName');
  if (name !== undefined && region.keyPairs.get(name) === undefined) {
    throw refuse('InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`);
  }
  return name;
}

function findProfile(region: Region, params: Params): string | undefined {
  const arn = params.text('IamInstanceProfile.Arn');
  const name = params.text('IamInstanceProfile.Name') ?? arn?.split('/').at(-1);
  if (name === undefined) return undefined;
  if (region.settings.instanceProfiles?.includes(name) === false) {
    throw refuse(
      'InvalidParameterValue',
      `Value (${name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`,
    );
  }
  return arn ?? `arn:aws:iam::${region.account}:instance-profile/${name}`;
}

/** The limit counts the text before base64. */
const userDataLimit = 16_384;

function readUserData(params: Params): string | undefined {
  const text = params.text('UserData');
  if (text === undefined) return undefined;
  if (!/^[A-Za-z0-9+/=\s]*$/.test(text))
    throw refuse('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
  if (Buffer.from(text, 'base64').length > userDataLimit) {
    throw refuse('InvalidParameterValue', 'User data is limited to 16384 bytes');
  }
  return text;
}

function readVolumes(params: Params, image: Image): readonly Omit<Volume, 'id'>[] {
  const tags = readTagSpecifications(params, 'volume');
  const root: Omit<Volume, 'id'> = {
    device: '/dev/xvda',
    sizeGib: 8,
    type: 'gp3',
    encrypted: false,
    deleteOnTermination: true,
    tags,
  };
  const named = params
    .list('BlockDeviceMapping')
    .filter((mapping) => !mapping.has('NoDevice') && !mapping.has('VirtualName'))
    .map((mapping) => readVolume(mapping, root, image));
  return named.some((volume) => volume.device === root.device) ? named : [root, ...named];
}

function readVolume(mapping: Params, root: Omit<Volume, 'id'>, image: Image): Omit<Volume, 'id'> {
  const device = mapping.text('DeviceName') ?? '';
  const size = mapping.text('Ebs.VolumeSize');
  const sizeGib = size === undefined ? root.sizeGib : Number(size);
  if (device === root.device && sizeGib < root.sizeGib) {
    throw refuse(
      'InvalidBlockDeviceMapping',
      `Volume of size ${sizeGib}GB is smaller than snapshot '${image.snapshotId}', expect size>= ${root.sizeGib}GB`,
    );
  }
  return {
    device,
    sizeGib,
    type: mapping.text('Ebs.VolumeType') ?? root.type,
    encrypted: mapping.text('Ebs.Encrypted') === 'true',
    deleteOnTermination: (mapping.text('Ebs.DeleteOnTermination') ?? 'true') === 'true',
    tags: root.tags,
  };
}
