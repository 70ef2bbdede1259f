import { DescribeInstancesCommand, DescribeVpcsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { GetParameterCommand, GetParametersCommand } from '@aws-sdk/client-ssm';
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { expect, test } from 'vitest';
import { clientsOf, openTestbed } from './testbed.ts';

const role = 'arn:aws:iam::222222222222:role/operator';

test('an unknown key is refused in the words of each API', async () => {
  const { sandbox } = await openTestbed({ credentials: { AKIASANDBOX: '111111111111' } });
  const { ec2, elb, sts, ssm } = clientsOf(sandbox.url, 'AKIAUNKNOWN');
  await expect(ec2.send(new DescribeVpcsCommand({}))).rejects.toMatchObject({ name: 'AuthFailure' });
  await expect(elb.send(new DescribeLoadBalancersCommand({}))).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
    $metadata: { httpStatusCode: 403 },
  });
  await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
  });
  await expect(ssm.send(new GetParameterCommand({ Name: '/x' }))).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  });
});

test('a region that there is not is refused, since its endpoint could not be found', async () => {
  const { sandbox } = await openTestbed();
  const client = (region: string) =>
    new STSClient({
      endpoint: sandbox.url,
      region,
      credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'any' },
      maxAttempts: 1,
    });
  await expect(client('us-east-9').send(new GetCallerIdentityCommand({}))).rejects.toThrow(
    'There is no region us-east-9.',
  );
  for (const region of ['us-east-1', 'ap-southeast-3', 'us-gov-west-1'])
    await client(region).send(new GetCallerIdentityCommand({}));
});

test('keys of two accounts see two worlds', async () => {
  const { launch, sandbox } = await openTestbed({
    credentials: { AKIASANDBOX: '123456789012', AKIAOTHER: '222222222222' },
  });
  await launch();
  const { ec2, sts } = clientsOf(sandbox.url, 'AKIAOTHER');
  expect((await sts.send(new GetCallerIdentityCommand({}))).Account).toBe('222222222222');
  expect((await ec2.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
});

test('a key can be taken away while it is in use', async () => {
  const { ec2, sandbox } = await openTestbed();
  sandbox.identities.forbidKey('AKIASANDBOX');
  await expect(ec2.send(new DescribeVpcsCommand({}))).rejects.toMatchObject({ name: 'AuthFailure' });
  sandbox.identities.allowKey('AKIASANDBOX', '123456789012');
  await ec2.send(new DescribeVpcsCommand({}));
});

test('an assumed role acts in its own account', async () => {
  const { sts, sandbox } = await openTestbed();
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'peerage', DurationSeconds: 900 }),
  );
  const session = {
    endpoint: sandbox.url,
    region: 'us-east-1',
    credentials: {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    },
  };
  expect(await new STSClient(session).send(new GetCallerIdentityCommand({}))).toMatchObject({
    Account: '222222222222',
    Arn: 'arn:aws:sts::222222222222:assumed-role/operator/peerage',
  });
  const { Vpcs } = await new EC2Client(session).send(new DescribeVpcsCommand({}));
  expect(Vpcs?.[0]?.OwnerId).toBe('222222222222');
  expect(Credentials?.Expiration).toBeInstanceOf(Date);
});

test('a role that asks for an external id lets nobody in without it', async () => {
  const { sts, sandbox } = await openTestbed();
  sandbox.identities.trust(role, 'secret-handshake');
  const assume = (ExternalId?: string) =>
    sts.send(new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'peerage', ExternalId }));
  await expect(assume()).rejects.toMatchObject({ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
  await expect(assume('wrong')).rejects.toMatchObject({ name: 'AccessDenied' });
  await assume('secret-handshake');
});

test('a web identity is exchanged without a signature', async () => {
  const { sts } = await openTestbed();
  const answer = await sts.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: role,
      RoleSessionName: 'peerage',
      WebIdentityToken: 'jwt',
    }),
  );
  expect(answer.AssumedRoleUser?.Arn).toBe('arn:aws:sts::222222222222:assumed-role/operator/peerage');
});

test('public parameters name images of the region, and nothing else is found', async () => {
  const { ssm, imageId } = await openTestbed();
  const name = (architecture: string) =>
    `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`;
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: name('x86_64') }));
  expect(Parameter).toMatchObject({ Value: imageId, LastModifiedDate: new Date('2026-01-05T10:00:00Z') });
  const { Parameters, InvalidParameters } = await ssm.send(
    new GetParametersCommand({ Names: [name('arm64'), name('vax')] }),
  );
  expect([Parameters?.length, InvalidParameters]).toEqual([1, [name('vax')]]);
  await expect(ssm.send(new GetParameterCommand({ Name: '/mine' }))).rejects.toMatchObject({
    name: 'ParameterNotFound',
  });
});
