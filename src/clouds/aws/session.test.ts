import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AwsSandbox, startAwsSandbox } from '../../sandbox/aws/sandbox.ts';
import { CloudError, type CloudSession, type OpenOptions } from '../cloud.ts';
import { aws } from './index.ts';

const never = new AbortController().signal;
const sessions: CloudSession[] = [];
const operations = 'arn:aws:iam::111111111111:role/operations';
const chains = 'arn:aws:iam::222222222222:role/chains';
let sandbox: AwsSandbox;

beforeAll(async () => {
  sandbox = await startAwsSandbox({ credentials: { AKIAGOOD: '123456789012' } });
  process.env.AWS_ENDPOINT_URL = sandbox.url;
});
afterAll(async () => {
  await sandbox.stop();
  delete process.env.AWS_ENDPOINT_URL;
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.close();
  sandbox.resetCounters();
  vi.useRealTimers();
});

function secret(entries: Readonly<Record<string, string>>) {
  return new Map(Object.entries(entries).map(([key, text]) => [key, { reveal: () => text }]));
}

const goodKeys = secret({ aws_access_key_id: 'AKIAGOOD', aws_secret_access_key: 'test' });
const fromSecret = { source: 'Secret', secretRef: { name: 'aws-keys' } };

async function open(options: Partial<OpenOptions> = {}): Promise<CloudSession> {
  const session = await aws.open({
    region: 'us-east-1',
    credential: fromSecret,
    secret: goodKeys,
    cluster: 'test',
    gate: (call, run) => run(call.signal),
    now: Date.now,
    ...options,
  });
  sessions.push(session);
  return session;
}

async function refusal(act: Promise<unknown>): Promise<CloudError> {
  const error = await act.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CloudError) return error;
  throw error;
}

describe('keys of a Secret', () => {
  test('show who they belong to', async () => {
    const { verify } = await open();
    expect(await verify(never)).toEqual({
      account: '123456789012',
      principal: 'arn:aws:iam::123456789012:user/sandbox',
    });
  });

  test.each(['aws_access_key_id', 'aws_secret_access_key'])(
    'a Secret without %s is refused by that name',
    async (key) => {
      const lacking = new Map(goodKeys);
      lacking.delete(key);
      const error = await refusal(open({ secret: lacking }));
      expect(error).toMatchObject({ code: 'invalid', outcome: 'none', reason: 'SecretKeyMissing' });
      expect(error.message).toContain(key);
    },
  );

  test('that AWS does not know are unauthorized', async () => {
    const { verify, machines } = await open({
      secret: secret({ aws_access_key_id: 'AKIAOTHER', aws_secret_access_key: 'test' }),
    });
    expect(await refusal(verify(never))).toMatchObject({ code: 'unauthorized', api: 'GetCallerIdentity' });
    expect(await refusal(machines.list(never))).toMatchObject({
      code: 'unauthorized',
      api: 'DescribeInstances',
    });
  });

  test('may end with a line, as files do that Secrets are made from', async () => {
    const { verify } = await open({
      secret: secret({
        aws_access_key_id: 'AKIAGOOD\n',
        aws_secret_access_key: 'test\n',
        aws_session_token: '\n',
      }),
    });
    expect(await verify(never)).toMatchObject({ account: '123456789012' });
  });
});

describe('ambient keys', () => {
  test('are what the SDK finds around it', async () => {
    process.env.AWS_ACCESS_KEY_ID = 'AKIAGOOD';
    process.env.AWS_SECRET_ACCESS_KEY = 'test';
    const { verify } = await open({ credential: { source: 'Ambient' } });
    expect(await verify(never)).toMatchObject({ account: '123456789012' });
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
  });

  test('when there are none, say so without a call to AWS', async () => {
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/nonexistent',
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
    });
    const { verify } = await open({ credential: { source: 'Ambient' } });
    expect(await refusal(verify(never))).toMatchObject({
      code: 'unauthorized',
      api: 'ambient credentials',
      message: expect.stringMatching(/Could not load credentials.*; give the operator an identity/),
    });
    expect(sandbox.counters.total).toBe(0);
  });
});

describe('a chain of roles', () => {
  const assumeRole = [
    { roleArn: operations },
    { roleArn: chains, externalId: 'tenant-7', sessionName: 'nodes' },
  ];

  test('is walked to its end, with the external id, once for all calls', async () => {
    sandbox.identities.trust(chains, 'tenant-7');
    const { verify, machines } = await open({ credential: { ...fromSecret, assumeRole } });
    expect(await verify(never)).toEqual({
      account: '222222222222',
      principal: 'arn:aws:sts::222222222222:assumed-role/chains/nodes',
    });
    await machines.list(never);
    expect(sandbox.counters.calls['sts:AssumeRole']).toBe(2);
  });

  test('is walked anew before its keys expire', async () => {
    // The SDK looks at the machine's own clock, too.
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: start });
    const { verify } = await open({
      credential: { ...fromSecret, assumeRole: [{ roleArn: operations, durationSeconds: 900 }] },
    });
    await verify(never);
    vi.setSystemTime(start + 9 * 60_000);
    await verify(never);
    expect(sandbox.counters.calls['sts:AssumeRole']).toBe(1);
    vi.setSystemTime(start + 11 * 60_000);
    await verify(never);
    expect(sandbox.counters.calls['sts:AssumeRole']).toBe(2);
  });

  test('that does not let us in is unauthorized, and the step is named', async () => {
    sandbox.identities.trust(chains, 'somebody-else');
    const { machines } = await open({ credential: { ...fromSecret, assumeRole } });
    expect(await refusal(machines.list(never))).toMatchObject({
      code: 'unauthorized',
      outcome: 'none',
      api: 'AssumeRole',
      reason: 'AccessDenied',
    });
  });

  test('passes the gate with every step', async () => {
    const seen: string[] = [];
    sandbox.identities.trust(chains, undefined);
    const { verify } = await open({
      credential: { ...fromSecret, assumeRole },
      gate: (call, run) => {
        seen.push(call.api);
        return run(call.signal);
      },
    });
    await verify(never);
    expect(seen).toEqual(['GetCallerIdentity', 'AssumeRole', 'AssumeRole']);
  });
});
