/** A launch in EC2's words. Pure: the same launch record gives the same call, which is what makes its token good. */
import type { BlockDeviceMapping, RunInstancesCommandInput, TagSpecification } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import type { LaunchRequest } from '../cloud.ts';
import { parse } from './parse.ts';
import { type Resolution, resolution } from './resolve.ts';
import { type AwsPlacement, awsPlacement } from './schema.ts';
import { type AwsTag, isReserved, tagsFor } from './tags.ts';
import { userData } from './userdata.ts';

type Input = RunInstancesCommandInput;

/** The members of `runInstances` that are merged with ours rather than replaced, as far as that needs. */
const merged = z.looseObject({
  BlockDeviceMappings: z
    .array(z.looseObject({ DeviceName: z.string().exactOptional(), Ebs: z.looseObject({}).exactOptional() }))
    .exactOptional(),
  TagSpecifications: z
    .array(
      z.object({
        ResourceType: z.string(),
        Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).default([]),
      }),
    )
    .default([]),
  MetadataOptions: z.looseObject({}).exactOptional(),
  InstanceMarketOptions: z
    .looseObject({
      MarketType: z.string().exactOptional(),
      SpotOptions: z.looseObject({ ValidUntil: z.coerce.date().exactOptional() }).exactOptional(),
    })
    .exactOptional(),
});

/** The SDK's types close lists that AWS keeps open (instance types, resource types). EC2 itself checks what is in them. */
const asInput = z.custom<Partial<Input>>();
const asDevices = z.custom<BlockDeviceMapping[]>();
const asTagSpecifications = z.custom<TagSpecification[]>();

export function runInstancesInput(request: LaunchRequest): Input {
  const spec = parse(awsPlacement, request.spec, 'aws');
  const resolved = parse(resolution, request.resolved, 'resolved');
  const further = parse(merged, spec.runInstances ?? {}, 'aws.runInstances');
  const { owner, token, rows, workload } = request;
  const market = marketOptions(spec, further.InstanceMarketOptions);
  const tags = tagsFor({ owner, token, ...(spec.tags === undefined ? {} : { tags: spec.tags }) });
  return {
    // A machine that shuts itself down would else stay stopped: paid for, and running nothing. Ended, it is replaced.
    InstanceInitiatedShutdownBehavior: 'terminate',
    ...asInput.parse(further),
    ...asInput.parse({
      InstanceType: spec.instanceType,
      ...(market === undefined ? {} : { InstanceMarketOptions: market }),
    }),
    ClientToken: token,
    // As many as there are: a batch for which there is not enough room still brings some.
    MinCount: 1,
    MaxCount: rows.length,
    ImageId: resolved.image,
    UserData: userData(workload, rows).toString('base64'),
    // The workload finds its row through the metadata endpoint, so that cannot be off.
    MetadataOptions: { ...further.MetadataOptions, HttpTokens: 'required', HttpEndpoint: 'enabled' },
    BlockDeviceMappings: blockDevices(spec, resolved, asDevices.parse(further.BlockDeviceMappings ?? [])),
    TagSpecifications: tagSpecifications(tags, market?.MarketType === 'spot', further.TagSpecifications),
    ...attachment(spec, resolved),
    ...(spec.keyName === undefined ? {} : { KeyName: spec.keyName }),
    ...(spec.instanceProfile === undefined ? {} : { IamInstanceProfile: profile(spec.instanceProfile) }),
  };
}

/** EC2 takes subnet and groups either beside the interface or in it, and the public address only in it. */
function attachment(
  { publicIp }: AwsPlacement,
  { subnet, groups }: Resolution,
): Pick<Input, 'SubnetId' | 'SecurityGroupIds' | 'NetworkInterfaces'> {
  if (publicIp === undefined) return { SubnetId: subnet, SecurityGroupIds: groups };
  return {
    // Those of `runInstances` are among the groups resolved.
    SecurityGroupIds: undefined,
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: subnet,
        Groups: groups,
        AssociatePublicIpAddress: publicIp,
        DeleteOnTermination: true,
      },
    ],
  };
}

function blockDevices(
  { rootVolume }: AwsPlacement,
  { rootDevice, rootSizeGiB }: Resolution,
  further: BlockDeviceMapping[],
): BlockDeviceMapping[] {
  if (rootDevice === undefined) return further;
  const { type, encrypted, sizeGiB, iops, throughput, kmsKeyId } = rootVolume;
  const same = further.find((mapping) => mapping.DeviceName === rootDevice);
  const root: BlockDeviceMapping = {
    DeviceName: rootDevice,
    Ebs: {
      DeleteOnTermination: true,
      ...(rootSizeGiB === undefined ? {} : { VolumeSize: rootSizeGiB }),
      ...same?.Ebs,
      VolumeType: type,
      Encrypted: encrypted,
      ...(sizeGiB === undefined ? {} : { VolumeSize: sizeGiB }),
      ...(iops === undefined ? {} : { Iops: iops }),
      ...(throughput === undefined ? {} : { Throughput: throughput }),
      ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
    },
  };
  return [root, ...further.filter((mapping) => mapping !== same)];
}

type FurtherTags = readonly { readonly ResourceType: string; readonly Tags: readonly AwsTag[] }[];

/** Everything that the call makes is tagged by the call itself: nothing is ever nobody's. */
function tagSpecifications(
  ours: readonly AwsTag[],
  isSpot: boolean,
  further: FurtherTags,
): TagSpecification[] {
  const kinds = ['instance', 'volume', 'network-interface', ...(isSpot ? ['spot-instances-request'] : [])];
  const others = new Set(
    further.map(({ ResourceType }) => ResourceType).filter((kind) => !kinds.includes(kind)),
  );
  return asTagSpecifications.parse(
    [...kinds, ...others].map((ResourceType) => {
      const own = kinds.includes(ResourceType) ? ours : [];
      const added = further
        .filter((entry) => entry.ResourceType === ResourceType)
        .flatMap(({ Tags }) => Tags);
      const free = added.filter(({ Key }) => !isReserved(Key));
      // A Map keeps the last of each key, and EC2 refuses a key that comes twice.
      const tags = new Map([...own, ...free].map(({ Key, Value }) => [Key, Value]));
      return { ResourceType, Tags: Array.from(tags, ([Key, Value]) => ({ Key, Value })) };
    }),
  );
}

function profile(nameOrArn: string): NonNullable<Input['IamInstanceProfile']> {
  return nameOrArn.startsWith('arn:') ? { Arn: nameOrArn } : { Name: nameOrArn };
}

/** One-time: a request that stays would launch machines behind our back. */
function marketOptions({ spot }: AwsPlacement, further: z.output<typeof merged>['InstanceMarketOptions']) {
  if (spot === undefined) return further;
  return {
    ...further,
    MarketType: 'spot',
    SpotOptions: {
      ...further?.SpotOptions,
      SpotInstanceType: 'one-time',
      InstanceInterruptionBehavior: 'terminate',
      ...(spot.maxPrice === undefined ? {} : { MaxPrice: spot.maxPrice }),
    },
  };
}
