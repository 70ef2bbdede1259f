import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { CloudError, type GatedCall } from '../cloud.ts';
import { LIMITS } from './limits.ts';
import { type AwsKeys, createSdk, type SdkOptions } from './sdk.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const cleanups: (() => unknown)[] = [];
const environment = { ...process.env };
const never = new AbortController().signal;

beforeEach(() => {
  // Threads have an environment of their own, so this reaches no other file.
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'no_proxy'])
    delete process.env[name];
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  Object.assign(process.env, environment);
  delete process.env.AWS_ENDPOINT_URL;
});

/** A server that answers every request the same way, as the only AWS there is. */
async function aws(answer: Answer) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume().on('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  process.env.AWS_ENDPOINT_URL = url;
  return { requests, url };
}

async function sdk(options: Partial<SdkOptions> = {}) {
  const made = await createSdk({
    region: 'us-east-1',
    credentials: async () => ({ accessKeyId: 'AKIATEST', secretAccessKey: 'test' }),
    gate: (call, run) => run(call.signal),
    ...options,
  });
  cleanups.push(made.close);
  return made;
}

const launch = { MinCount: 1, MaxCount: 3 };
const ec2Error =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'text/xml' });
    response.end(
      `<Response><Errors><Error><Code>${code}</Code><Message>no</Message></Error></Errors></Response>`,
    );
  };
const elbError =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'text/xml' });
    response.end(
      `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`,
    );
  };
const drop: Answer = (request) => request.socket.destroy();

async function refusal(call: Promise<unknown>): Promise<CloudError> {
  const error = await call.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CloudError) return error;
  throw error;
}

describe('a call that fails', () => {
  test.each<[string, Answer, Partial<CloudError>]>([
    ['throttled', ec2Error(503, 'RequestLimitExceeded'), { code: 'throttled', outcome: 'none' }],
    [
      'no capacity',
      ec2Error(500, 'InsufficientInstanceCapacity'),
      { code: 'outOfCapacity', outcome: 'none' },
    ],
    ['quota', ec2Error(400, 'VcpuLimitExceeded'), { code: 'quota', outcome: 'none' }],
    ['bad keys', ec2Error(401, 'AuthFailure'), { code: 'unauthorized', outcome: 'none' }],
    ['no image', ec2Error(400, 'InvalidAMIID.NotFound'), { code: 'notFound', outcome: 'none' }],
    ['bad value', ec2Error(400, 'InvalidParameterValue'), { code: 'invalid', outcome: 'none' }],
    ['a code nobody knows', ec2Error(400, 'NeverHeardOf'), { code: 'invalid', outcome: 'none' }],
    ['a broken server', ec2Error(500, 'InternalError'), { code: 'unavailable', outcome: 'unknown' }],
    ['an overloaded server', ec2Error(503, 'Unavailable'), { code: 'unavailable', outcome: 'unknown' }],
    ['a lost reply', drop, { code: 'unavailable', outcome: 'unknown', reason: 'ECONNRESET' }],
    [
      'a gateway in between',
      (_, response) =>
        response.writeHead(502, { 'content-type': 'text/html' }).end('<html><p>Bad gateway</html>'),
      { code: 'unavailable', outcome: 'unknown' },
    ],
  ])('%s: says what it means, and whether a launch may have happened', async (_, answer, expected) => {
    const { requests } = await aws(answer);
    const { runInstances } = await sdk();
    expect(await refusal(runInstances(launch, { signal: never }))).toMatchObject({
      api: 'RunInstances',
      ...expected,
    });
    // The queue is the retry.
    expect(requests).toHaveLength(1);
  });

  test.each<[string, Answer, Partial<CloudError>]>([
    ['throttled', elbError(400, 'Throttling'), { code: 'throttled', outcome: 'none', reason: 'Throttling' }],
    ['quota', elbError(400, 'TooManyLoadBalancers'), { code: 'quota', reason: 'TooManyLoadBalancers' }],
    ['the name is taken', elbError(400, 'DuplicateLoadBalancerName'), { code: 'alreadyExists' }],
    ['no certificate', elbError(400, 'CertificateNotFound'), { code: 'notFound' }],
    ['bad value', elbError(400, 'ValidationError'), { code: 'invalid' }],
  ])('balancers have codes of their own: %s', async (_, answer, expected) => {
    await aws(answer);
    const { createLoadBalancer } = await sdk();
    expect(await refusal(createLoadBalancer({ Name: 'x' }, { signal: never }))).toMatchObject(expected);
  });

  test('nobody listens: nothing was done', async () => {
    process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:1';
    const { runInstances } = await sdk();
    expect(await refusal(runInstances(launch, { signal: never }))).toMatchObject({
      code: 'unavailable',
      outcome: 'none',
      reason: 'ECONNREFUSED',
    });
  });

  test('a reading call changes nothing, whatever becomes of it', async () => {
    await aws(drop);
    const { describeInstances } = await sdk();
    expect(await refusal(describeInstances({}, { signal: never }))).toMatchObject({ outcome: 'none' });
  });

  test('no answer within the deadline: the call may have been carried out', async () => {
    const clock = createFakeClock();
    const { requests } = await aws(() => clock.advance(30_000));
    const { runInstances } = await sdk({ clock });
    const error = await refusal(runInstances(launch, { signal: never }));
    expect(error).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    expect(error.message).toBe(
      'RunInstances refused: NoAnswer: waiting for an answer: deadline of 30 s passed',
    );
    expect(requests).toHaveLength(1);
  });

  test('called off on its way: it may have been carried out', async () => {
    const caller = new AbortController();
    await aws(() => caller.abort(new Error('leadership lost')));
    const { runInstances } = await sdk();
    const error = await refusal(runInstances(launch, { signal: caller.signal }));
    expect(error).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    expect(error.message).toContain('leadership lost');
  });

  test('called off before it left: nothing was done', async () => {
    const { requests } = await aws(drop);
    const { runInstances } = await sdk();
    const signal = AbortSignal.abort(new Error('leadership lost'));
    expect(await refusal(runInstances(launch, { signal }))).toMatchObject({
      code: 'unavailable',
      outcome: 'none',
    });
    expect(requests).toHaveLength(0);
  });

  test('no keys: nothing was sent, and the error names the step', async () => {
    const { requests } = await aws(drop);
    const credentials = async () => {
      throw new CloudError({
        api: 'AssumeRole',
        code: 'unauthorized',
        outcome: 'none',
        reason: 'AccessDenied',
        message: 'no',
      });
    };
    const { runInstances } = await sdk({ credentials });
    expect(await refusal(runInstances(launch, { signal: never }))).toMatchObject({
      api: 'AssumeRole',
      outcome: 'none',
    });
    expect(requests).toHaveLength(0);
  });

  test('keys that do not come hold no call beyond its deadline, and it is not sent when they do', async () => {
    const clock = createFakeClock();
    const { requests } = await aws(drop);
    const keys = Promise.withResolvers<AwsKeys>();
    const asked = Promise.withResolvers<void>();
    const credentials = () => {
      asked.resolve();
      return keys.promise;
    };
    const { runInstances } = await sdk({ clock, credentials });
    const refused = refusal(runInstances(launch, { signal: never }));
    await asked.promise;
    await clock.advance(30_000);
    expect(await refused).toMatchObject({ code: 'unavailable', outcome: 'none', reason: 'NotSent' });
    keys.resolve({ accessKeyId: 'AKIATEST', secretAccessKey: 'test' });
    // One that is made now comes after it.
    await refusal(runInstances(launch, { signal: never }));
    expect(requests).toHaveLength(1);
  });

  test('input that makes no request is invalid', async () => {
    const { requests } = await aws(drop);
    const { describeInstances } = await sdk();
    const input = {
      get Filters(): never {
        throw new TypeError('not a list');
      },
    };
    expect(await refusal(describeInstances(input, { signal: never }))).toMatchObject({
      code: 'invalid',
      reason: 'NotSent',
    });
    expect(requests).toHaveLength(0);
  });
});

describe('the gate', () => {
  const answered: Answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end('<Response/>');
  };

  test('is told what a call costs, and on whose behalf it is made', async () => {
    await aws(answered);
    const seen: Omit<GatedCall, 'signal'>[] = [];
    const { runInstances, terminateInstances, describeListeners } = await sdk({
      gate: ({ signal, ...call }, run) => {
        seen.push(call);
        return run(signal);
      },
    });
    await runInstances(launch, { signal: never, flow: 'chains/dev' });
    await terminateInstances({ InstanceIds: ['i-1', 'i-2'] }, { signal: never });
    await describeListeners({}, { signal: never });
    expect(seen).toEqual([
      {
        api: 'RunInstances',
        write: true,
        flow: 'chains/dev',
        budgets: [
          { name: 'RunInstances', units: 1, counts: 'calls' },
          { name: 'RunInstances/machines', units: 3, counts: 'machines' },
        ],
      },
      {
        api: 'TerminateInstances',
        write: true,
        budgets: [
          { name: 'TerminateInstances', units: 1, counts: 'calls' },
          { name: 'TerminateInstances/machines', units: 2, counts: 'machines' },
        ],
      },
      {
        api: 'DescribeListeners',
        write: false,
        budgets: [
          { name: 'ELB/all', units: 1, counts: 'calls' },
          { name: 'ELB/describe', units: 1, counts: 'calls' },
        ],
      },
    ]);
  });

  test('every budget that a call draws on has a limit', async () => {
    await aws(answered);
    const drawn = new Set<string>();
    const { close, ...calls } = await sdk({
      gate: async ({ budgets }) => {
        for (const { name } of budgets) drawn.add(name);
        throw new Error('counted');
      },
    });
    for (const call of Object.values(calls)) {
      const started: Promise<unknown> = Reflect.apply(call, undefined, [{}, { signal: never }]);
      await started.catch(() => undefined);
    }
    expect([...drawn].sort()).toEqual(Object.keys(LIMITS).sort());
  });

  test('may refuse, in its own words, before anything is sent', async () => {
    const { requests } = await aws(answered);
    const paused = new Error('the operator is paused');
    const { runInstances } = await sdk({ gate: () => Promise.reject(paused) });
    await expect(runInstances(launch, { signal: never })).rejects.toBe(paused);
    expect(requests).toHaveLength(0);
  });
});

describe('the way out', () => {
  const answered: Answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end('<DescribeInstancesResponse/>');
  };

  test('connections are kept open for the next call', async () => {
    const { requests } = await aws(answered);
    const { describeInstances } = await sdk();
    await describeInstances({}, { signal: never });
    await describeInstances({}, { signal: never });
    expect(new Set(requests.map(({ socket }) => socket.remotePort)).size).toBe(1);
  });

  test('leads through the proxy that the environment names, except where it says not to', async () => {
    const proxy = await aws(answered);
    process.env.AWS_ENDPOINT_URL = 'http://ec2.example.test';
    process.env.HTTP_PROXY = proxy.url;
    const { describeInstances } = await sdk();
    await describeInstances({}, { signal: never });
    expect(proxy.requests.map(({ url }) => url)).toEqual(['http://ec2.example.test/']);

    const direct = await aws(answered);
    process.env.NO_PROXY = '127.0.0.1';
    const beside = await sdk();
    await beside.describeInstances({}, { signal: never });
    expect([proxy.requests.length, direct.requests.length]).toEqual([1, 1]);
  });
});
