import {
  DescribeVpcsCommand,
  EC2Client,
  GetIpamPoolCidrsCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Moto, startMoto } from '../support/moto.ts';
import { refereePath } from '../support/referees.ts';

describe.skipIf(!refereePath('moto'))('moto as a referee', () => {
  let moto: Moto;
  let ec2: EC2Client;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    ec2 = new EC2Client({ region: 'us-east-1', endpoint: moto.url, credentials, maxAttempts: 1 });
  });

  afterAll(async () => {
    ec2.destroy();
    await moto.stop();
  });

  test('has a default VPC', async () => {
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));

    expect(Vpcs).toHaveLength(1);
    expect(Vpcs?.[0]?.IsDefault).toBe(true);
  });

  test('refuses an image that does not exist', async () => {
    const launch = new RunInstancesCommand({ ImageId: 'ami-00000000000000000', MinCount: 1, MaxCount: 1 });

    await expect(ec2.send(launch)).rejects.toMatchObject({ name: 'InvalidAMIID.NotFound' });
  });

  test('tells when it was asked for what it does not know', async () => {
    await expect(moto.assertNoUnimplemented()).resolves.toBeUndefined();

    await expect(ec2.send(new GetIpamPoolCidrsCommand({ IpamPoolId: 'ipam-pool-1' }))).rejects.toThrow();

    await expect(moto.assertNoUnimplemented()).rejects.toThrow(
      'get_ipam_pool_cidrs action has not been implemented',
    );
  });
});
