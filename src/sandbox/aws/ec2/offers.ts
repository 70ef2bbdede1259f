import { createHash } from 'node:crypto';
import type { Call, Handlers } from '../call.ts';
import { missing, refuse } from '../errors.ts';
import { readFilters } from '../filters.ts';
import type { KeyPair, Tags } from '../records.ts';
import type { Region } from '../region.ts';
import { readTagSpecifications, tagSet } from '../tags.ts';
import { items, leaf, node } from '../xml.ts';
import { type Image, type InstanceType, imagesOf, instanceTypes } from './catalogue.ts';
import { findImage } from './launch-request.ts';

/** What a machine can be made of: types, images, keys. */
export const offerHandlers: Handlers = {
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeInstanceTypeOfferings: describeInstanceTypeOfferings,
  DescribeImages: describeImages,
  DescribeKeyPairs: describeKeyPairs,
  ImportKeyPair: (call) => addKeyPair(call, false),
  CreateKeyPair: (call) => addKeyPair(call, true),
  DeleteKeyPair: deleteKeyPair,
};

function describeInstanceTypes(call: Call): string {
  const { params } = call;
  const names = params.texts('InstanceType');
  const unknown = names.filter((name) => !instanceTypes.has(name));
  if (unknown.length > 0) {
    throw refuse(
      'InvalidInstanceType',
      `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
    );
  }
  const test = readFilters<InstanceType & { tags: Tags }>(params, {
    'instance-type': (type) => [type.name],
    'processor-info.supported-architecture': (type) => [type.architecture],
    'burstable-performance-supported': (type) => [String(type.burstable)],
    'current-generation': () => ['true'],
    'vcpu-info.default-vcpus': (type) => [String(type.vcpus)],
  });
  const selected = Array.from(instanceTypes.values(), (type) => ({ ...type, tags: {} }))
    .filter((type) => names.length === 0 || names.includes(type.name))
    .filter(test);
  return items('instanceTypeSet', selected, instanceTypeXml);
}

function instanceTypeXml(type: InstanceType): string {
  return (
    leaf('instanceType', type.name) +
    '<currentGeneration>true</currentGeneration><freeTierEligible>false</freeTierEligible>' +
    items('supportedUsageClasses', ['on-demand', 'spot'], (text) => text) +
    items('supportedRootDeviceTypes', ['ebs'], (text) => text) +
    items('supportedVirtualizationTypes', ['hvm'], (text) => text) +
    '<bareMetal>false</bareMetal><hypervisor>nitro</hypervisor>' +
    node(
      'processorInfo',
      items('supportedArchitectures', [type.architecture], (text) => text),
      leaf('sustainedClockSpeedInGhz', '2.5'),
    ) +
    node(
      'vCpuInfo',
      leaf('defaultVCpus', type.vcpus),
      leaf('defaultCores', type.architecture === 'arm64' ? type.vcpus : type.vcpus / 2),
      leaf('defaultThreadsPerCore', type.architecture === 'arm64' ? 1 : 2),
    ) +
    node('memoryInfo', leaf('sizeInMiB', type.memoryMib)) +
    '<instanceStorageSupported>false</instanceStorageSupported>' +
    node(
      'networkInfo',
      '<networkPerformance>Up to 5 Gigabit</networkPerformance><maximumNetworkInterfaces>3</maximumNetworkInterfaces>',
      '<ipv4AddressesPerInterface>4</ipv4AddressesPerInterface><ipv6Supported>true</ipv6Supported><enaSupport>required</enaSupport>',
    ) +
    '<hibernationSupported>false</hibernationSupported>' +
    leaf('burstablePerformanceSupported', type.burstable)
  );
}

function describeInstanceTypeOfferings(call: Call): string {
  const { params, region } = call;
  const locationType = params.text('LocationType') ?? 'region';
  const locations =
    locationType === 'availability-zone' ? region.zones.map((zone) => zone.name) : [region.name];
  const all = Array.from(instanceTypes.keys()).flatMap((type) =>
    locations.map((location) => ({ type, location, tags: {} })),
  );
  const test = readFilters<(typeof all)[number]>(params, {
    'instance-type': (offering) => [offering.type],
    location: (offering) => [offering.location],
  });
  return items(
    'instanceTypeOfferingSet',
    all.filter(test),
    (offering) =>
      leaf('instanceType', offering.type) +
      leaf('locationType', locationType) +
      leaf('location', offering.location),
  );
}

function describeImages(call: Call): string {
  const { params, region } = call;
  const ids = params.texts('ImageId');
  for (const id of ids) findImage(region, id);
  const owners = params.texts('Owner');
  const test = readFilters<Image & { tags: Tags }>(params, {
    'image-id': (image) => [image.id],
    name: (image) => [image.name],
    architecture: (image) => [image.architecture],
    state: () => ['available'],
    'owner-alias': () => ['amazon'],
    'owner-id': () => [amazon],
    'is-public': () => ['true'],
    'root-device-type': () => ['ebs'],
    'virtualization-type': () => ['hvm'],
  });
  const selected = imagesOf(region.name)
    .map((image) => ({ ...image, tags: {} }))
    .filter((image) => ids.length === 0 || ids.includes(image.id))
    .filter(() => owners.length === 0 || owners.includes('amazon') || owners.includes(amazon))
    .filter(test);
  return items('imagesSet', selected, imageXml);
}

const amazon = '137112412989';

function imageXml(image: Image): string {
  return (
    leaf('imageId', image.id) +
    leaf('imageLocation', `amazon/${image.name}`) +
    '<imageState>available</imageState>' +
    leaf('imageOwnerId', amazon) +
    leaf('creationDate', image.createdAt) +
    '<isPublic>true</isPublic>' +
    leaf('architecture', image.architecture) +
    '<imageType>machine</imageType><imageOwnerAlias>amazon</imageOwnerAlias>' +
    leaf('name', image.name) +
    leaf('description', image.description) +
    '<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>' +
    items(
      'blockDeviceMapping',
      [image],
      () =>
        leaf('deviceName', '/dev/xvda') +
        node(
          'ebs',
          leaf('snapshotId', image.snapshotId),
          '<volumeSize>8</volumeSize><deleteOnTermination>true</deleteOnTermination><volumeType>gp3</volumeType><encrypted>false</encrypted>',
        ),
    ) +
    '<virtualizationType>hvm</virtualizationType><hypervisor>xen</hypervisor><enaSupport>true</enaSupport>' +
    '<bootMode>uefi-preferred</bootMode><imdsSupport>v2.0</imdsSupport>'
  );
}

function describeKeyPairs(call: Call): string {
  const { params, region, seenAt } = call;
  const names = params.texts('KeyName');
  const seen = region.keyPairs.seen(seenAt);
  for (const name of names) {
    if (!seen.some((pair) => pair.id === name)) {
      throw refuse('InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`);
    }
  }
  const test = readFilters<KeyPair>(params, { 'key-name': (pair) => [pair.id] });
  const selected = seen.filter((pair) => names.length === 0 || names.includes(pair.id)).filter(test);
  return items('keySet', selected, (pair) => `${keyPairXml(pair)}<keyType>rsa</keyType>${tagSet(pair.tags)}`);
}

function addKeyPair(call: Call, withMaterial: boolean): string {
  const { params, region } = call;
  const name = params.text('KeyName');
  if (name === undefined) throw missing('KeyName');
  if (region.keyPairs.get(name) !== undefined) {
    throw refuse('InvalidKeyPair.Duplicate', `The keypair already exists: ${name}`);
  }
  const digest = createHash('md5')
    .update(params.text('PublicKeyMaterial') ?? name)
    .digest('hex');
  const pair: KeyPair = {
    id: name,
    keyPairId: region.ids.next('key'),
    fingerprint: digest.replace(/(..)(?!$)/g, '$1:'),
    tags: readTagSpecifications(params, 'key-pair'),
  };
  region.keyPairs.put(pair);
  // Nothing ever logs in to a simulated machine: the material only has the right place in the answer.
  return (
    keyPairXml(pair) + (withMaterial ? leaf('keyMaterial', 'simulated key material') : '') + tagSet(pair.tags)
  );
}

function deleteKeyPair(call: Call): string {
  const { params, region } = call;
  const pair = keyPairNamed(region, params.text('KeyName'), params.text('KeyPairId'));
  if (pair !== undefined) region.keyPairs.remove(pair.id);
  return `<return>true</return>${leaf('keyPairId', pair?.keyPairId)}`;
}

function keyPairNamed(region: Region, name: string | undefined, id: string | undefined): KeyPair | undefined {
  return region.keyPairs.all().find((pair) => pair.id === name || pair.keyPairId === id);
}

function keyPairXml(pair: KeyPair): string {
  return (
    leaf('keyPairId', pair.keyPairId) + leaf('keyName', pair.id) + leaf('keyFingerprint', pair.fingerprint)
  );
}
