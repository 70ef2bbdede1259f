/** What a launch needs to know besides the placement: image, its root device, subnet, groups. */
import type { Image, InstanceTypeInfo } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { CloudError, type Json, type Machines } from '../cloud.ts';
import { unknownMember } from './known-members.ts';
import { createMemory } from './memory.ts';
import { parse } from './parse.ts';
import { type AwsPlacement, awsPlacement } from './schema.ts';
import type { Sdk } from './sdk.ts';

/** Kept in a launch record, so a member, once here, keeps its meaning. */
export const resolution = z.object({
  image: z.string(),
  /** `/dev/xvda`; absent when the image names none. */
  rootDevice: z.string().exactOptional(),
  /** Size of the image's root volume, for placements that name none. */
  rootSizeGiB: z.number().exactOptional(),
  zone: z.string(),
  subnet: z.string(),
  groups: z.array(z.string()),
});
export type Resolution = z.output<typeof resolution>;

export interface ResolverOptions {
  readonly sdk: Pick<Sdk, 'describeImages' | 'describeInstanceTypes' | 'getParameter'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Aborted when the session is closed. */
  readonly closed: AbortSignal;
}

/** Neither images nor instance types change; they only come and go. */
const rememberMs = 10 * 60_000;

export function createResolver({ sdk, now, closed }: ResolverOptions): Pick<Machines, 'pin' | 'resolve'> {
  const types = createMemory<InstanceTypeInfo>({ now, keepMs: rememberMs });
  const images = createMemory<Image>({ now, keepMs: rememberMs });
  const parameters = createMemory<string>({ now, keepMs: rememberMs });
  // Many launches wait for one answer, so no single one of them may call it off.
  const options = { signal: closed };

  const typeOf = (name: string) =>
    types(name, async () => {
      const input = { Filters: [{ Name: 'instance-type', Values: [name] }] };
      const { InstanceTypes: [type] = [] } = await sdk.describeInstanceTypes(input, options);
      if (type !== undefined) return type;
      // By filter EC2 answers an unknown type with nothing, by name with InvalidInstanceType; a filter keeps the call in
      // the larger of its buckets.
      throw invalid(
        'DescribeInstanceTypes',
        'InvalidInstanceType',
        `the instance type '${name}' does not exist here`,
      );
    });

  const imageOf = (id: string) =>
    images(id, async () => {
      const { Images: [image] = [] } = await sdk.describeImages({ ImageIds: [id] }, options);
      if (image !== undefined) return image;
      throw new CloudError({
        api: 'DescribeImages',
        code: 'notFound',
        outcome: 'none',
        reason: 'InvalidAMIID.NotFound',
        message: `the image '${id}' does not exist, or is not shared with this account`,
        finding: true,
      });
    });

  const imageIn = (parameter: string) =>
    parameters(parameter, async () => {
      const { Parameter } = await sdk.getParameter({ Name: parameter }, options);
      const id = Parameter?.Value;
      if (id !== undefined && /^ami-[0-9a-f]+$/.test(id)) return id;
      throw invalid(
        'GetParameter',
        'NoImageId',
        `the parameter ${parameter} does not hold the id of an image`,
      );
    });

  async function imageFor(spec: AwsPlacement): Promise<string> {
    if (spec.image?.id !== undefined) return spec.image.id;
    return await imageIn(spec.image?.ssmParameter ?? amazonLinux(await typeOf(spec.instanceType)));
  }

  return {
    pin: async (raw): Promise<Json> => {
      const spec = parse(awsPlacement, raw, 'aws');
      await refuseUnknownMembers(spec);
      return toJson({ ...spec, image: { id: await imageFor(spec) } });
    },
    resolve: async (raw, attachment, zone) => {
      const spec = parse(awsPlacement, raw, 'aws');
      await refuseUnknownMembers(spec);
      const place = attachment.zones.find((candidate) => candidate.zone === zone);
      if (place === undefined)
        throw invalid('RunInstances', 'NoSubnetInZone', `there is no subnet to use in ${zone}`);
      const type = await typeOf(spec.instanceType);
      const image = await imageOf(await imageFor(spec));
      refuseOtherArchitecture(image, type);
      return {
        image: image.ImageId ?? '',
        ...rootOf(image),
        zone,
        subnet: place.at,
        groups: [
          ...new Set([...attachment.firewalls, ...(spec.securityGroupIds ?? []), ...furtherGroups(spec)]),
        ],
      } satisfies Resolution;
    },
  };
}

/** https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#launch-via-aws-cli */
function amazonLinux(type: InstanceTypeInfo): string {
  const architectures = type.ProcessorInfo?.SupportedArchitectures ?? [];
  const architecture = architectures.includes('arm64') ? 'arm64' : 'x86_64';
  return `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`;
}

async function refuseUnknownMembers({ runInstances }: AwsPlacement): Promise<void> {
  if (runInstances === undefined) return;
  // Loaded by now, as there is a session.
  const { RunInstancesRequest$ } = await import('@aws-sdk/client-ec2');
  const unknown = unknownMember(RunInstancesRequest$, runInstances);
  if (unknown === undefined) return;
  const { path, meant } = unknown;
  const hint = meant === undefined ? '' : `; ${meant} is`;
  throw invalid(
    'RunInstances',
    'UnknownParameter',
    `aws.runInstances: ${path} is no member of that call${hint}`,
  );
}

/** EC2 would refuse it, too, but with a code that says only that some value is wrong. */
function refuseOtherArchitecture(image: Image, type: InstanceTypeInfo): void {
  const runs = type.ProcessorInfo?.SupportedArchitectures ?? [];
  if (image.Architecture === undefined || runs.length === 0 || runs.includes(image.Architecture)) return;
  throw invalid(
    'RunInstances',
    'ArchitectureMismatch',
    `${image.ImageId} is made for ${image.Architecture}, ${type.InstanceType} runs ${runs.join(' and ')}`,
  );
}

function rootOf({ RootDeviceName: device, BlockDeviceMappings = [] }: Image) {
  if (device === undefined) return {};
  const size = BlockDeviceMappings.find((mapping) => mapping.DeviceName === device)?.Ebs?.VolumeSize;
  return { rootDevice: device, ...(size === undefined ? {} : { rootSizeGiB: size }) };
}

function furtherGroups(spec: AwsPlacement): string[] {
  return z.array(z.string()).catch([]).parse(spec.runInstances?.SecurityGroupIds);
}

function toJson(spec: AwsPlacement): Json {
  return z.json().parse(spec);
}

function invalid(api: string, reason: string, message: string): CloudError {
  return new CloudError({ api, code: 'invalid', outcome: 'none', reason, message, finding: true });
}
