import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { runCli } from './run-cli.ts';

test('the sandbox prints where it listens, answers the real SDK there, and ends on SIGINT', async () => {
  const run = runCli(['sandbox', '--port', '0']);
  try {
    const printed = await eventually(
      async () => run.output(),
      (text) => text.includes('Ctrl-C'),
    );
    const endpoint = /AWS_ENDPOINT_URL=(\S+)/.exec(printed)?.[1] ?? '';
    const ec2 = new EC2Client({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    });
    expect((await ec2.send(new DescribeInstancesCommand({}))).Reservations ?? []).toEqual([]);
    ec2.destroy();
  } finally {
    run.child.kill('SIGINT');
  }
  expect(await run.ended).toBe(0);
}, 60_000);
