/** What users write below `aws` in a placement and in a Node. */
import { z } from 'zod';
import { runInstances } from './run-instances-schema.ts';

/** Keys and values as EC2 takes them; the operator's own tags come on top, so ten of the fifty stay free for them. */
const tags = z.record(z.string(), z.string().max(256)).meta({
  maxProperties: 40,
  'x-kubernetes-validations': [
    {
      rule: "self.all(key, size(key) > 0 && size(key) <= 128 && !key.startsWith('aws:') && !key.startsWith('peerage-'))",
      message: 'a tag key has 1 to 128 characters and does not begin with aws: or peerage-',
    },
  ],
});

/** Tags to find something by; those of AWS and of other tools are as good as any. */
const selectorTags = z.record(z.string(), z.string().max(256)).meta({ minProperties: 1, maxProperties: 20 });

const image = z
  .object({
    id: z
      .string()
      .regex(/^ami-[0-9a-f]{8,17}$/)
      .max(32)
      .exactOptional()
      .describe('Id of the image.'),
    ssmParameter: z
      .string()
      .regex(/^\/[A-Za-z0-9_./-]+$/)
      .max(1024)
      .exactOptional()
      .describe('Public or own SSM parameter that holds the id of the image. Read once for each revision.'),
  })
  .meta({
    'x-kubernetes-validations': [
      { rule: 'has(self.id) != has(self.ssmParameter)', message: 'set exactly one of id and ssmParameter' },
    ],
  });

const rootVolume = z
  .object({
    type: z.enum(['gp2', 'gp3', 'io1', 'io2', 'standard']).default('gp3').describe('Kind of EBS volume.'),
    encrypted: z.boolean().default(true).describe('Whether the volume is encrypted.'),
    sizeGiB: z.int().min(1).max(65_536).exactOptional().describe('Size. Absent: the size the image has.'),
    iops: z.int().min(100).max(256_000).exactOptional().describe('Operations per second it is made for.'),
    throughput: z.int().min(125).max(2_000).exactOptional().describe('MiB per second it is made for.'),
    kmsKeyId: z
      .string()
      .min(1)
      .max(2048)
      .exactOptional()
      .describe("Key to encrypt with: id, alias or ARN. Absent: the account's default key for EBS."),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "!has(self.iops) || self.type in ['gp3', 'io1', 'io2']",
        fieldPath: '.iops',
        message: 'iops can be set for gp3, io1 and io2 only',
      },
      {
        rule: "has(self.iops) || !(self.type in ['io1', 'io2'])",
        fieldPath: '.iops',
        message: 'io1 and io2 need iops',
      },
      {
        rule: "!has(self.throughput) || self.type == 'gp3'",
        fieldPath: '.throughput',
        message: 'throughput can be set for gp3 only',
      },
      {
        rule: '!has(self.kmsKeyId) || self.encrypted',
        fieldPath: '.kmsKeyId',
        message: 'a key needs encrypted: true',
      },
    ],
  });

const certificates = z
  .array(
    z.object({
      port: z.int().min(1).max(65_535).describe('A port of `balancer.ports` that speaks `TLS` or `HTTPS`.'),
      certificateArn: z
        .string()
        .regex(/^arn:\S+$/)
        .max(2048)
        .describe(
          'ARN of a certificate in ACM, in the region of the placement, or of a server certificate in IAM.',
        ),
    }),
  )
  .min(1)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port'] });

const network = z
  .object({
    vpcId: z
      .string()
      .regex(/^vpc-[0-9a-f]{8,17}$/)
      .max(32)
      .meta({
        'x-kubernetes-validations': [
          { rule: 'self == oldSelf', message: 'a VPC cannot change; add a placement under another name' },
        ],
      })
      .exactOptional()
      .describe('Id of the VPC. Immutable.'),
    vpcTags: selectorTags.exactOptional().describe('Tags that exactly one VPC of the region carries.'),
    subnetIds: z
      .array(
        z
          .string()
          .regex(/^subnet-[0-9a-f]{8,17}$/)
          .max(32),
      )
      .min(1)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .exactOptional()
      .describe('Ids of the subnets to launch into, all of one VPC.'),
    subnetTags: selectorTags
      .exactOptional()
      .describe('Tags that the subnets to launch into carry, all of one VPC.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '!has(self.vpcId) || !has(self.vpcTags)',
        fieldPath: '.vpcTags',
        message: 'set vpcId or vpcTags, not both',
      },
      {
        rule: '!has(self.subnetIds) || !has(self.subnetTags)',
        fieldPath: '.subnetTags',
        message: 'set subnetIds or subnetTags, not both',
      },
    ],
  });

export const awsPlacement = z
  .object({
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]+$/)
      .max(32)
      .meta({
        'x-kubernetes-validations': [
          { rule: 'self == oldSelf', message: 'a region cannot change; add a placement under another name' },
        ],
      })
      .describe('Region the machines run in: `us-east-1`. Immutable.'),
    zones: z
      .array(
        z
          .string()
          .regex(/^[a-z0-9-]+$/)
          .max(48),
      )
      .min(1)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .exactOptional()
      .describe('Availability zones to spread over. Absent: every zone that a subnet is in.'),
    instanceType: z
      .string()
      .regex(/^[a-z0-9-]+\.[a-z0-9-]+$/)
      .max(64)
      .describe('EC2 instance type: `t3.small`.'),
    image: image
      .exactOptional()
      .describe(
        'What machines boot from. Absent: Amazon Linux 2023 by its public parameter, in the architecture of the instance type.',
      ),
    rootVolume: rootVolume
      .default({ type: 'gp3', encrypted: true })
      .describe('The volume machines boot from.'),
    instanceProfile: z
      .string()
      .regex(/^[A-Za-z0-9_+=,.@:/-]+$/)
      .max(1024)
      .exactOptional()
      .describe('Name or ARN of the instance profile that the machines get.'),
    keyName: z.string().min(1).max(255).exactOptional().describe('Name of the EC2 key pair for SSH.'),
    publicIp: z
      .boolean()
      .exactOptional()
      .describe("Whether machines get a public IPv4 address. Absent: as the subnet's own setting says."),
    securityGroupIds: z
      .array(
        z
          .string()
          .regex(/^sg-[0-9a-f]{8,17}$/)
          .max(32),
      )
      .max(15)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .exactOptional()
      .describe("Security groups that the machines carry beside the operator's own."),
    spot: z
      .object({
        maxPrice: z
          .string()
          .regex(/^[0-9]+(\.[0-9]+)?$/)
          .max(16)
          .exactOptional()
          .describe(
            'Most to pay, in US dollars per hour, as a string: `"0.05"`. Absent: the on-demand price.',
          ),
      })
      .exactOptional()
      .describe('Present: one-time spot instances.'),
    tags: tags
      .exactOptional()
      .describe(
        'Tags for everything the operator makes here. Security groups, balancer, listeners and target groups follow a change: what is missing or different is set, what was taken out of the spec is taken off, and a tag that somebody else put on stays. A machine keeps the tags that its Node was made with.',
      ),
    network: network
      .exactOptional()
      .describe(
        "Where machines attach. Absent: all subnets of the region's default VPC. Nothing moves from one VPC to another: what names another one than that in which the placement stands is reported, and nothing is changed. Other subnets of the same VPC are fine: the balancer takes them first, and Nodes are replaced one by one. For that time nodes in a zone that is left out get no connections.",
      ),
    certificates: certificates
      .exactOptional()
      .describe(
        "Certificates of this placement's balancer, by port; each wins over `balancer.ports[].certificateArn`. ACM keeps certificates by region, so a Network in two regions needs its own for each. A change reaches the listeners that stand. A Node on its own has no balancer and no use for them.",
      ),
    runInstances: runInstances.exactOptional(),
  })
  .meta({
    description: 'Machines on AWS EC2.',
    'x-kubernetes-validations': [
      {
        rule: '!has(self.zones) || self.zones.all(zone, zone.startsWith(self.region))',
        fieldPath: '.zones',
        message: 'every zone must be one of the region',
        messageExpression:
          "self.zones.filter(zone, !zone.startsWith(self.region))[0] + ' must be a zone of the region ' + self.region",
      },
      {
        rule: "!has(self.certificates) || self.certificates.all(c, !c.certificateArn.contains(':acm:') || c.certificateArn.contains(':acm:' + self.region + ':'))",
        fieldPath: '.certificates',
        message: 'a certificate of ACM must be one of the region',
      },
    ],
  });

/** A placement as read from the API server: defaults are in it. */
export type AwsPlacement = z.output<typeof awsPlacement>;
