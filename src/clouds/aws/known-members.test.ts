import { RunInstancesRequest$ } from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { unknownMember } from './known-members.ts';

const unknown = (value: object) => unknownMember(RunInstancesRequest$, value);

test('knows what EC2 knows, at any depth', () => {
  expect(
    unknown({
      CpuOptions: { CoreCount: 2 },
      Monitoring: { Enabled: true },
      BlockDeviceMappings: [{ DeviceName: '/dev/sdb', Ebs: { VolumeSize: 10 } }],
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b' }] }],
      InstanceMarketOptions: { SpotOptions: { ValidUntil: '2030-01-01T00:00:00Z' } },
      SecurityGroupIds: ['sg-1'],
    }),
  ).toBeUndefined();
});

test.for([
  ['CpuOption', { CpuOption: { CoreCount: 2 } }],
  ['CpuOptions.CoreCout', { Monitoring: { Enabled: true }, CpuOptions: { CoreCout: 2 } }],
  ['BlockDeviceMappings[1].Ebs.Size', { BlockDeviceMappings: [{}, { Ebs: { Size: 10 } }] }],
  ['InstanceMarketOptions.SpotOptions.Price', { InstanceMarketOptions: { SpotOptions: { Price: '1' } } }],
] as const)('finds %s', ([path, value]) => {
  expect(unknown(value)).toEqual({ path });
});

test('says what was meant where only the case is wrong', () => {
  expect(unknown({ cpuOptions: {} })).toEqual({ path: 'cpuOptions', meant: 'CpuOptions' });
});

test('leaves values of a wrong type to EC2', () => {
  expect(
    unknown({ CpuOptions: 'many', BlockDeviceMappings: { Ebs: 1 }, SecurityGroupIds: 'sg' }),
  ).toBeUndefined();
});
