import { describe, expect, test } from 'vitest';
import { CloudError, type LaunchRequest } from '../cloud.ts';
import { runInstancesInput } from './request.ts';

const resolved = {
  image: 'ami-1',
  rootDevice: '/dev/xvda',
  rootSizeGiB: 8,
  zone: 'us-east-1a',
  subnet: 'subnet-1',
  groups: ['sg-1', 'sg-2'],
};

function request(spec: object = {}, change: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    token: 'token-1',
    owner: { cluster: 'c1', network: 'chains/dev', placement: 'east' },
    spec: { region: 'us-east-1', instanceType: 't3.small', ...spec },
    resolved,
    rows: [
      { name: 'dev-east-a', index: 0 },
      { name: 'dev-east-b', index: 1 },
    ],
    workload: {
      image: 'example.org/node:1',
      env: [],
      secrets: [],
      files: [],
      secretFiles: [],
      pullPolicy: 'IfNotPresent',
      ports: [],
    },
    ...change,
  };
}

const ours = [
  { Key: 'peerage-cluster', Value: 'c1' },
  { Key: 'peerage-network', Value: 'chains/dev' },
  { Key: 'peerage-placement', Value: 'east' },
  { Key: 'peerage-launch', Value: 'token-1' },
  { Key: 'Name', Value: 'dev-east' },
];

function tagsOf(input: ReturnType<typeof runInstancesInput>) {
  return Object.fromEntries(
    (input.TagSpecifications ?? []).map(({ ResourceType, Tags }) => [ResourceType, Tags]),
  );
}

describe('a launch in the words of EC2', () => {
  test('asks for one machine at least and one for each row at most, all in one subnet', () => {
    expect(runInstancesInput(request())).toMatchObject({
      ClientToken: 'token-1',
      MinCount: 1,
      MaxCount: 2,
      ImageId: 'ami-1',
      InstanceType: 't3.small',
      SubnetId: 'subnet-1',
      SecurityGroupIds: ['sg-1', 'sg-2'],
    });
  });

  test('is the same call each time it is made from the same record', () => {
    expect(runInstancesInput(request())).toEqual(runInstancesInput(JSON.parse(JSON.stringify(request()))));
  });

  test('encrypts a gp3 root volume of the size the image has, unless told otherwise', () => {
    expect(runInstancesInput(request()).BlockDeviceMappings).toEqual([
      {
        DeviceName: '/dev/xvda',
        Ebs: { DeleteOnTermination: true, VolumeSize: 8, VolumeType: 'gp3', Encrypted: true },
      },
    ]);
    const rootVolume = { type: 'io2', encrypted: true, sizeGiB: 100, iops: 3000, kmsKeyId: 'alias/disk' };
    expect(runInstancesInput(request({ rootVolume })).BlockDeviceMappings?.[0]?.Ebs).toMatchObject({
      VolumeType: 'io2',
      VolumeSize: 100,
      Iops: 3000,
      KmsKeyId: 'alias/disk',
    });
  });

  test('requires session tokens of the metadata service, whatever else is asked for', () => {
    const runInstances = {
      MetadataOptions: { HttpTokens: 'optional', HttpEndpoint: 'disabled', HttpPutResponseHopLimit: 2 },
    };
    expect(runInstancesInput(request({ runInstances })).MetadataOptions).toEqual({
      HttpTokens: 'required',
      HttpEndpoint: 'enabled',
      HttpPutResponseHopLimit: 2,
    });
  });

  test('ends machines that shut themselves down, unless told otherwise', () => {
    expect(runInstancesInput(request()).InstanceInitiatedShutdownBehavior).toBe('terminate');
    const runInstances = { InstanceInitiatedShutdownBehavior: 'stop' };
    expect(runInstancesInput(request({ runInstances })).InstanceInitiatedShutdownBehavior).toBe('stop');
  });

  test.each([true, false])('with publicIp %s, subnet and groups stand in the interface', (publicIp) => {
    const input = runInstancesInput(request({ publicIp }));
    expect(input.NetworkInterfaces).toEqual([
      {
        DeviceIndex: 0,
        SubnetId: 'subnet-1',
        Groups: ['sg-1', 'sg-2'],
        AssociatePublicIpAddress: publicIp,
        DeleteOnTermination: true,
      },
    ]);
    expect([input.SubnetId, input.SecurityGroupIds]).toEqual([undefined, undefined]);
  });

  test('an instance profile is a name or an ARN', () => {
    const arn = 'arn:aws:iam::123456789012:instance-profile/nodes';
    expect(runInstancesInput(request({ instanceProfile: 'nodes' })).IamInstanceProfile).toEqual({
      Name: 'nodes',
    });
    expect(runInstancesInput(request({ instanceProfile: arn })).IamInstanceProfile).toEqual({ Arn: arn });
  });

  test('spot machines are asked for once, and tagged as requests, too', () => {
    const input = runInstancesInput(request({ spot: { maxPrice: '0.05' } }));
    expect(input.InstanceMarketOptions).toEqual({
      MarketType: 'spot',
      SpotOptions: {
        SpotInstanceType: 'one-time',
        InstanceInterruptionBehavior: 'terminate',
        MaxPrice: '0.05',
      },
    });
    expect(Object.keys(tagsOf(input))).toEqual([
      'instance',
      'volume',
      'network-interface',
      'spot-instances-request',
    ]);
  });

  test('the workload comes as user data', () => {
    const text = Buffer.from(runInstancesInput(request()).UserData ?? '', 'base64').toString();
    expect(text).toContain("0) node='dev-east-a' index=0 ;;\n1) node='dev-east-b' index=1 ;;");
  });
});

describe('tags', () => {
  test('of the owner and the launch are on everything the call makes', () => {
    expect(tagsOf(runInstancesInput(request()))).toEqual({
      instance: ours,
      volume: ours,
      'network-interface': ours,
    });
  });

  test('of the user come on top, and none of them passes for ours', () => {
    const tags = { team: 'chains', 'peerage-cluster': 'stolen', 'peerage-future': 'x', Name: 'validators' };
    const specifications = [
      {
        ResourceType: 'instance',
        Tags: [
          { Key: 'more', Value: '1' },
          { Key: 'peerage-launch', Value: 'x' },
        ],
      },
      { ResourceType: 'elastic-gpu', Tags: [{ Key: 'gpu', Value: '1' }] },
    ];
    const spec = { tags, runInstances: { TagSpecifications: specifications } };
    const given = tagsOf(runInstancesInput(request(spec)));
    const common = [
      ...ours.slice(0, 4),
      { Key: 'Name', Value: 'validators' },
      { Key: 'team', Value: 'chains' },
    ];
    expect(given).toEqual({
      instance: [...common, { Key: 'more', Value: '1' }],
      volume: common,
      'network-interface': common,
      'elastic-gpu': [{ Key: 'gpu', Value: '1' }],
    });
  });

  test('of a standalone Node name it', () => {
    const input = runInstancesInput(request({}, { owner: { cluster: 'c1', node: 'chains/lone' } }));
    expect(tagsOf(input).instance).toEqual([
      { Key: 'peerage-cluster', Value: 'c1' },
      { Key: 'peerage-node', Value: 'chains/lone' },
      { Key: 'peerage-launch', Value: 'token-1' },
      { Key: 'Name', Value: 'lone' },
    ]);
  });
});

describe('further members of runInstances', () => {
  test('are passed on below the typed fields, which win', () => {
    const runInstances = {
      CpuOptions: { CoreCount: 2 },
      ImageId: 'ami-other',
      InstanceType: 'm5.large',
      MaxCount: 99,
      ClientToken: 'other',
      SubnetId: 'subnet-other',
      SecurityGroupIds: ['sg-other'],
    };
    const input = runInstancesInput(request({ runInstances }));
    expect(input.CpuOptions).toEqual({ CoreCount: 2 });
    expect(input).toMatchObject({
      ImageId: 'ami-1',
      InstanceType: 't3.small',
      MaxCount: 2,
      ClientToken: 'token-1',
      SubnetId: 'subnet-1',
      SecurityGroupIds: ['sg-1', 'sg-2'],
    });
  });

  test('may say more about the root volume, and name others', () => {
    const BlockDeviceMappings = [
      { DeviceName: '/dev/xvdb', Ebs: { VolumeSize: 500 } },
      { DeviceName: '/dev/xvda', Ebs: { DeleteOnTermination: false, VolumeSize: 20, VolumeType: 'gp2' } },
    ];
    expect(runInstancesInput(request({ runInstances: { BlockDeviceMappings } })).BlockDeviceMappings).toEqual(
      [
        {
          DeviceName: '/dev/xvda',
          Ebs: { DeleteOnTermination: false, VolumeSize: 20, VolumeType: 'gp3', Encrypted: true },
        },
        { DeviceName: '/dev/xvdb', Ebs: { VolumeSize: 500 } },
      ],
    );
  });

  test('that end a spot request at a time are understood', () => {
    const SpotOptions = { ValidUntil: '2030-01-01T00:00:00Z' };
    const runInstances = { InstanceMarketOptions: { MarketType: 'spot', SpotOptions } };
    const input = runInstancesInput(request({ runInstances }));
    expect(input.InstanceMarketOptions?.SpotOptions?.ValidUntil).toEqual(new Date('2030-01-01T00:00:00Z'));
    expect(Object.keys(tagsOf(input))).toContain('spot-instances-request');
  });

  test('that are not what they should be are refused with their path', () => {
    const runInstances = { TagSpecifications: [{ ResourceType: 'instance', Tags: { a: 'b' } }] };
    const refused = () => runInstancesInput(request({ runInstances }));
    expect(refused).toThrow(CloudError);
    expect(refused).toThrow('aws.runInstances.TagSpecifications.0.Tags: ');
  });
});
