/** AWS, by whoever plays it, as a stage for machines. */
import {
  CreateSecurityGroupCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { aws } from '../../src/clouds/aws/index.ts';
import { awsPlacement } from '../../src/clouds/aws/schema.ts';
import type { CallGate } from '../../src/clouds/cloud.ts';
import type { Abilities, MachinesStage } from './machines-suite.ts';

export interface AwsAbilities extends Abilities {
  /** Tags the network interfaces of machines. */
  readonly interfaceTags: boolean;
}

/** What AWS itself does. */
export const AWS_CAN: AwsAbilities = {
  repeat: true,
  compare: true,
  remember: true,
  batches: 'many',
  protect: true,
  untag: true,
  interfaceTags: true,
};

export interface AwsStageOptions {
  readonly url: string;
  readonly can: AwsAbilities;
  readonly settle: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly now: () => number;
}

const region = 'us-east-1';
const gate: CallGate = (call, run) => run(call.signal);

export async function createAwsStage({
  url,
  can,
  settle,
  stop,
  now,
}: AwsStageOptions): Promise<MachinesStage> {
  const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'any' };
  const ec2 = new EC2Client({ region, endpoint: url, credentials: keys, maxAttempts: 1 });
  const secret = new Map(
    Object.entries({ aws_access_key_id: keys.accessKeyId, aws_secret_access_key: keys.secretAccessKey }).map(
      ([key, text]) => [key, { reveal: () => text }],
    ),
  );
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: 'default-for-az', Values: ['true'] }] }),
  );
  const { GroupId = '' } = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName: 'nodes', Description: 'nodes', VpcId: Subnets[0]?.VpcId }),
  );
  const zones = Subnets.map(({ AvailabilityZone = '', SubnetId = '' }) => ({
    zone: AvailabilityZone,
    at: SubnetId,
  }));
  const here = zones[0]?.zone ?? '';

  const open = (cluster: string) =>
    aws.open({
      region,
      credential: { source: 'Secret', secretRef: { name: 'keys' } },
      secret,
      cluster,
      gate,
      now,
    });
  const spec = { region, instanceType: 't3.small' };
  const session = await open('none');
  const pinned = awsPlacement.parse(await session.machines.pin(spec, new AbortController().signal));
  session.close();

  return {
    can,
    spec,
    attachment: { zones, firewalls: [GroupId] },
    image: 'example.org/node:1',
    unknownIds: ['i-0123456789abcdef0', 'i-0123456789abcdef1', 'i-0123456789abcdef2'],
    refusals: [
      { what: 'an unknown image', spec: { image: { id: 'ami-0123456789abcdef0' } }, code: 'notFound' },
      { what: 'an unknown parameter', spec: { image: { ssmParameter: '/nothing/here' } }, code: 'notFound' },
      { what: 'an unknown type', spec: { instanceType: 'x9.gigantic' }, code: 'invalid' },
      { what: 'an unknown key pair', spec: { keyName: 'nobody' }, code: 'notFound' },
      {
        what: 'an unknown subnet',
        attachment: { zones: [{ zone: here, at: 'subnet-0123456789abcdef0' }] },
        code: 'notFound',
      },
      { what: 'an unknown firewall', attachment: { firewalls: ['sg-0123456789abcdef0'] }, code: 'notFound' },
    ],
    open,
    foreign: async (tags) => {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      const { Instances } = await ec2.send(
        new RunInstancesCommand({
          ImageId: pinned.image?.id,
          InstanceType: 't3.small',
          MinCount: 1,
          MaxCount: 1,
          TagSpecifications: [{ ResourceType: 'instance', Tags }],
        }),
      );
      return Instances?.[0]?.InstanceId ?? '';
    },
    protect: async (id) => {
      const DisableApiTermination = { Value: true };
      await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination }));
    },
    tags: async (id) => {
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
      const instance = Reservations?.[0]?.Instances?.[0];
      const volumes = (instance?.BlockDeviceMappings ?? []).map((mapping) => mapping.Ebs?.VolumeId ?? '');
      const cards = (instance?.NetworkInterfaces ?? []).map((card) => card.NetworkInterfaceId ?? '');
      const all = [id, ...volumes, ...(can.interfaceTags ? cards : [])];
      const { Tags = [] } = await ec2.send(
        new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: all }] }),
      );
      return all.map((resource) => {
        const own = Tags.filter((tag) => tag.ResourceId === resource);
        return Object.fromEntries(own.map(({ Key = '', Value = '' }) => [Key, Value]));
      });
    },
    settle,
    stop: async () => {
      ec2.destroy();
      await stop();
    },
  };
}
