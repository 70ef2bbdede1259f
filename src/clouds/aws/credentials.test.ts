import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFakeClock, type FakeClock } from '../../runtime/fake-clock.ts';
import { type CallGate, CloudError } from '../cloud.ts';
import { awsCredential } from './credential-schema.ts';
import { createCredentials } from './credentials.ts';
import { parse } from './parse.ts';
import type { AwsKeys } from './sdk.ts';

const environment = { ...process.env };
const cleanups: (() => unknown)[] = [];
let clock: FakeClock;
let session: AbortController;
let requests: number;
/** Called when a request has come in; it gets no answer. */
let onRequest: () => unknown;

/** STS takes every request and answers none. */
beforeEach(async () => {
  clock = createFakeClock();
  session = new AbortController();
  requests = 0;
  onRequest = () => undefined;
  const server = createServer((request) => {
    requests += 1;
    request.resume().on('end', () => onRequest());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  for (const name of ['HTTP_PROXY', 'http_proxy']) delete process.env[name];
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  vi.useRealTimers();
});

const role = { roleArn: 'arn:aws:iam::111111111111:role/operations' };
const ofSecret = { source: 'Secret', secretRef: { name: 'aws-keys' }, assumeRole: [role] };
const secret = new Map(
  ['aws_access_key_id', 'aws_secret_access_key'].map((key) => [key, { reveal: () => 'AKIAGOOD' }]),
);

function keysOf(credential: object, gate: CallGate = (call, run) => run(call.signal)) {
  return createCredentials({
    credential: parse(awsCredential, credential, 'aws'),
    secret,
    ...{ region: 'us-east-1', cluster: 'test', gate, now: Date.now, signal: session.signal, clock },
  });
}

/** Ambient keys for which the SDK asks STS: an identity of the cluster, as on EKS. */
function webIdentity() {
  const folder = mkdtempSync(join(tmpdir(), 'peerage-credentials-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const token = join(folder, 'token');
  writeFileSync(token, 'signed by the cluster');
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) delete process.env[name];
  Object.assign(process.env, {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nonexistent',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
    AWS_WEB_IDENTITY_TOKEN_FILE: token,
    AWS_ROLE_ARN: role.roleArn,
  });
  return { source: 'Ambient' };
}

async function refusal(keys: Promise<AwsKeys>): Promise<CloudError> {
  const error = await keys.then(
    () => new Error('there were keys'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CloudError) return error;
  throw error;
}

test.each([
  { what: 'a role', api: 'AssumeRole', credential: () => ofSecret },
  { what: 'the surroundings', api: 'ambient credentials', credential: webIdentity },
])('keys of $what that do not come in time are unavailable, by the name of the step', async (row) => {
  onRequest = () => clock.advance(20_000);
  const keys = await keysOf(row.credential());
  const error = await refusal(keys());
  expect(error).toMatchObject({ api: row.api, code: 'unavailable', outcome: 'none' });
  expect(error.message).toContain('waiting for keys: deadline of 20 s passed');
  expect(requests).toBe(1);
});

test('whoever asks for ambient keys while they are late waits for the same ones', async () => {
  onRequest = () => clock.advance(20_000);
  const keys = await keysOf(webIdentity());
  await refusal(keys());
  const second = refusal(keys());
  await clock.advance(20_000);
  expect(await second).toMatchObject({ code: 'unavailable' });
  expect(requests).toBe(1);
});

test('what ends the call through the gate ends the wait for a role', async () => {
  const lost = new AbortController();
  onRequest = () => lost.abort(new Error('leadership lost'));
  const keys = await keysOf(ofSecret, (_, run) => run(lost.signal));
  expect(await refusal(keys())).toMatchObject({ api: 'AssumeRole', message: /leadership lost/ });
});

test.each([
  { what: 'a role', credential: () => ofSecret },
  { what: 'the surroundings', credential: webIdentity },
])('the end of the session ends the wait for keys of $what', async ({ credential }) => {
  onRequest = () => session.abort(new Error('the session was closed'));
  const keys = await keysOf(credential());
  expect(await refusal(keys())).toMatchObject({ message: /the session was closed/ });
});

test('a request for keys that was given up ends by itself', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onRequest = () => vi.advanceTimersByTime(35_000);
  const keys = await keysOf(ofSecret);
  expect(await refusal(keys())).toMatchObject({ api: 'AssumeRole', reason: 'ETIMEDOUT' });
});
