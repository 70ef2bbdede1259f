/** Bad input that only the cloud, or another object, can tell: said in a condition, tried without a loop, healed when mended. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { api, listObjects, patchObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { type Area, client, conditionOf, placementIn, type Stage, startStage } from './stage.ts';

vi.setConfig({ maxConcurrency: 10 });

let stage: Stage;

beforeAll(async () => {
  stage = await startStage([
    'no-secret',
    'no-key',
    'refused',
    'no-credential',
    'not-allowed',
    'image',
    'type',
    'vcpus',
    'instances',
    'full-zone',
    'full-region',
    'certificate',
    'one-zone',
    'delivery',
    'user-data',
    'throttled',
    'down',
  ]);
});
afterAll(() => stage?.close());

const one = (area: Area, change: object = {}) => ({
  placements: [placementIn(area.region, { replicas: 1, ...change })],
});

const machineOf = (area: Area, change: object) =>
  one(area, { aws: { region: area.region, instanceType: 't3.small', ...change } });

/** Waits until the Network says it: what only a person can mend is Stalled beside Ready=False. */
async function says(area: Area, reason: string, words: RegExp): Promise<void> {
  const { status } = await area.until((network) => {
    expect(conditionOf(network, 'Ready')).toMatchObject({
      status: 'False',
      reason,
      message: expect.stringMatching(words),
      observedGeneration: network.metadata.generation,
    });
  });
  expect(conditionOf({ status }, 'Stalled')).toMatchObject({ status: 'True', reason });
  expect(conditionOf({ status }, 'Reconciling')).toBeUndefined();
}

/** The same of the Network's only Node, of which the Network tells in its own words. */
async function nodeSays(area: Area, reason: string, words: RegExp): Promise<void> {
  await says(area, 'NodesStalled', words);
  const [node] = await area.nodes();
  if (node === undefined) throw new Error('there is no Node');
  expect(conditionOf(node, 'Stalled')).toMatchObject({ reason, message: expect.stringMatching(words) });
  expect(node.status).toMatchObject({ phase: 'Failed', lastError: expect.stringMatching(words) });
}

/** No loop: soon there are three seconds without a call to the cloud and without a write to the objects. */
async function isQuiet(area: Area): Promise<void> {
  const seen = async () => [
    area.calls().length,
    ...[await area.network(), ...(await area.nodes())].map((object) => object?.metadata.resourceVersion),
  ];
  let last = { text: '', at: Date.now() };
  await eventually(
    seen,
    (now) => {
      if (now.join() !== last.text) last = { text: now.join(), at: Date.now() };
      return Date.now() - last.at > 3_000;
    },
    { what: 'quiet' },
  );
}

describe.concurrent('a credential', () => {
  test('whose Secret is missing names it, and goes on when it is made', async () => {
    const area = stage.area('no-secret');
    await area.credential('other', { aws: { source: 'Secret', secretRef: { name: 'nowhere' } } });
    await area.make(one(area, { credentialRef: { name: 'other' } }));
    await says(area, 'SecretNotFound', /no Secret nowhere in namespace no-secret-/);
    await isQuiet(area);
    await eventually(
      () => area.credentialNow('other'),
      (found) => expect(found && conditionOf(found, 'Stalled')).toMatchObject({ reason: 'SecretNotFound' }),
    );
    await area.secret('nowhere', { aws_access_key_id: area.accessKeyId, aws_secret_access_key: 'any' });
    await area.untilReady(1);
  });

  test('whose Secret lacks a key says which, and goes on when it has it', async () => {
    const area = stage.area('no-key');
    await area.secret('half', { aws_access_key_id: area.accessKeyId });
    await area.credential('other', { aws: { source: 'Secret', secretRef: { name: 'half' } } });
    await area.make(one(area, { credentialRef: { name: 'other' } }));
    await says(
      area,
      'SecretKeyMissing',
      /CloudCredential \S+\/other: Secret half: .* has no key aws_secret_access_key/,
    );
    await isQuiet(area);
    await patchObject(area.secretPath('half'), { stringData: { aws_secret_access_key: 'any' } });
    await area.untilReady(1);
  });

  test('that the cloud refuses says so, and goes on with keys that are good', async () => {
    const area = stage.area('refused');
    stage.sandbox.identities.forbidKey(area.accessKeyId);
    await area.make(one(area));
    await says(area, 'Unauthorized', /GetCallerIdentity refused: InvalidClientTokenId/);
    await isQuiet(area);
    await patchObject(area.secretPath('aws-keys'), { stringData: { aws_access_key_id: 'AKIAGOOD' } });
    await area.untilReady(1);
  });

  test('that does not exist is named, and used as soon as it does', async () => {
    const area = stage.area('no-credential');
    await area.make(one(area, { credentialRef: { name: 'nobody' } }));
    await says(area, 'CredentialNotFound', /no CloudCredential no-credential-\w+\/nobody/);
    await isQuiet(area);
    await area.credential('nobody');
    await area.untilReady(1);
  });

  test('that does not allow the namespace is named, and used as soon as it does', async () => {
    const area = stage.area('not-allowed');
    const lender = stage.area('no-credential');
    await lender.credential('lent');
    await area.make(one(area, { credentialRef: { name: 'lent', namespace: lender.namespace } }));
    await says(area, 'NamespaceNotAllowed', /lent may not be used from namespace not-allowed-/);
    await isQuiet(area);
    await patchObject(lender.pathOf('cloudcredentials', 'lent'), {
      spec: { allowedNamespaces: { list: [area.namespace] } },
    });
    await area.untilReady(1);
  });
});

describe.concurrent('a placement', () => {
  test('of an unknown image', async () => {
    const area = stage.area('image');
    await area.make(machineOf(area, { image: { id: 'ami-0123456789abcdef0' } }));
    await nodeSays(area, 'NotFound', /InvalidAMIID.NotFound: .*ami-0123456789abcdef0.*next try in \d+ s/);
    await isQuiet(area);
    await area.change({ spec: one(area) });
    await area.untilReady(1);
  });

  test('of an unknown instance type', async () => {
    const area = stage.area('type');
    await area.make(machineOf(area, { instanceType: 't9.gigantic' }));
    await says(area, 'InvalidRequest', /InvalidInstanceType: .*t9\.gigantic/);
    await isQuiet(area);
    await area.change({ spec: one(area) });
    await area.untilReady(1);
  });

  test.each([
    { name: 'vcpus', code: 'VcpuLimitExceeded' },
    { name: 'instances', code: 'InstanceLimitExceeded' },
  ])('beyond a quota ($code)', async ({ name, code }) => {
    const area = stage.area(name);
    const fault = stage.sandbox.faults.add({
      action: 'RunInstances',
      region: area.region,
      error: { code, message: 'You have requested more than your current limit allows' },
    });
    await area.make(one(area));
    await nodeSays(area, 'QuotaExceeded', new RegExp(`RunInstances refused: ${code}: .*next try in 60 s`));
    await isQuiet(area);
    expect(fault.hits).toBeLessThanOrEqual(2);
    fault.remove();
    await area.hurry();
    await area.untilReady(1);
  });

  test('in a zone without capacity goes to the next one, and says so', async () => {
    const area = stage.area('full-zone');
    const refusedIn = `${area.region}a`;
    stage.sandbox.faults.capacity(area.region, refusedIn, 't3.small', 0);
    await area.make(one(area));
    await area.untilReady(1);
    expect(area.machines()).toMatchObject([{ zone: `${area.region}b` }]);
    const [node] = await area.nodes();
    expect(node?.status.attempt).toBe(2);
    await eventually(
      () => listObjects(`/apis/events.k8s.io/v1/namespaces/${area.namespace}/events`),
      (events) =>
        expect(JSON.stringify(events)).toMatch(
          new RegExp(`InsufficientInstanceCapacity.*t3.small.*in ${refusedIn}, next in ${area.region}b`),
        ),
    );
  });

  test('in a region without capacity tells the next try and zone, and goes on when there is room', async () => {
    const area = stage.area('full-region');
    const zones = ['a', 'b', 'c'].map((letter) => area.region + letter);
    for (const zone of zones) stage.sandbox.faults.capacity(area.region, zone, 't3.small', 0);
    await area.make(one(area));
    const words =
      /RunInstances refused: InsufficientInstanceCapacity: .*t3\.small.*\(in \S+[abc], next in \S+[abc]\); next try in (\d\d+ s|\d+ min)/;
    await area.until((network) => {
      expect(conditionOf(network, 'Ready')).toMatchObject({
        status: 'False',
        message: expect.stringMatching(words),
      });
      expect(conditionOf(network, 'Stalled')).toBeUndefined();
    });
    const [node] = await area.nodes();
    expect(node && conditionOf(node, 'Ready')).toMatchObject({ reason: 'OutOfCapacity' });
    await isQuiet(area);
    expect(
      new Set(area.writes().flatMap(({ params }) => /Subnet\w*=(subnet-\w+)/.exec(params)?.[1] ?? [])).size,
    ).toBe(3);
    for (const zone of zones) stage.sandbox.faults.capacity(area.region, zone, 't3.small', undefined);
    await area.hurry();
    await area.untilReady(1);
  });

  test('with a certificate that does not exist', async () => {
    const area = stage.area('certificate');
    const certificateArn = `arn:aws:acm:${area.region}:123456789012:certificate/nowhere`;
    const ports = [{ port: 443, targetPort: 'rpc', protocol: 'TLS', certificateArn }];
    await area.make({ ...one(area), balancer: { type: 'Network', ports, drainSeconds: 1 } });
    await says(area, 'NotFound', /CreateListener refused: CertificateNotFound/);
    await isQuiet(area);
    stage.sandbox.set({ certificates: [certificateArn] });
    await area.hurry();
    await area.untilReady(1);
  });

  test('in one zone only behind an application balancer', async () => {
    const area = stage.area('one-zone');
    const ports = [{ port: 80, targetPort: 'rpc', protocol: 'HTTP' }];
    const aws = { region: area.region, instanceType: 't3.small' };
    await area.make({
      ...machineOf(area, { zones: [`${area.region}a`] }),
      balancer: { type: 'Application', ports, drainSeconds: 1 },
    });
    await says(area, 'TooFewZones', /needs subnets in two zones; found: \S+a;/);
    await isQuiet(area);
    expect(area.cloud().loadBalancers).toEqual([]);
    await area.change({
      spec: one(area, { aws: { ...aws, zones: [`${area.region}a`, `${area.region}b`] } }),
    });
    await area.untilReady(1);
  });
});

const planted = 'planted value of a client: Zx9$"\'s';
const secretEnv = {
  client: {
    ...client,
    env: [{ name: 'MNEMONIC', valueFrom: { secretKeyRef: { name: 'chain', key: 'mnemonic' } } }],
  },
};

describe.concurrent('a variable out of a Secret', () => {
  test('needs a word on how it may reach the machine; nothing is launched without', async () => {
    const area = stage.area('delivery');
    await area.secret('chain', { mnemonic: planted });
    await area.make({ ...one(area), ...secretEnv });
    await nodeSays(
      area,
      'SecretDeliveryRequired',
      /client\.env MNEMONIC comes from a Secret: set spec\.secretDelivery to UserData/,
    );
    await isQuiet(area);
    expect(area.writes().filter(({ action }) => action === 'RunInstances')).toEqual([]);
    await area.change({ spec: { secretDelivery: 'UserData' } });
    await area.untilReady(1);
  });

  test('with secretDelivery: UserData stands there, and in no other place', async () => {
    const area = stage.area('user-data');
    await area.make({ ...one(area), ...secretEnv, secretDelivery: 'UserData' });
    await nodeSays(area, 'SecretNotFound', /client\.env MNEMONIC: there is no Secret chain/);
    await area.secret('chain', { other: 'any' });
    await area.hurry();
    await nodeSays(area, 'SecretKeyMissing', /Secret chain has no key mnemonic/);
    await patchObject(area.secretPath('chain'), { stringData: { mnemonic: planted } });
    // A Secret that was read is kept for half a minute.
    await eventually(
      async () => {
        await area.hurry();
        return area.network();
      },
      (network) => network?.status.readyReplicas === 1,
    );
    const [machine] = area.machines();
    const text = Buffer.from(machine?.userData ?? '', 'base64').toString();
    // Single quotes are the shell's own, and stand there escaped.
    expect(text).toContain(planted.slice(0, planted.indexOf("'")));
    const mark = planted.slice(0, 26);
    expect(text).toContain(mark);
    const seen = [
      await Promise.all(
        ['nodes', 'networks', 'cloudcredentials'].map((kind) => api('GET', area.pathOf(kind))),
      ),
      await api('GET', `/apis/events.k8s.io/v1/namespaces/${area.namespace}/events`),
      stage.operator.logs(),
      area.cloud().instances.map(({ tags }) => tags),
      await stage.operator.metrics(),
    ];
    expect(JSON.stringify(seen)).toContain(area.namespace);
    expect(JSON.stringify(seen)).not.toContain(mark);
  });
});

describe.concurrent('a cloud', () => {
  test('that asks for fewer calls is called less, and all comes about', async () => {
    const area = stage.area('throttled');
    const faults = ['RunInstances', 'CreateLoadBalancer', 'DescribeInstances'].map((action) =>
      stage.sandbox.faults.add({
        action,
        region: area.region,
        times: 2,
        error: { code: action === 'CreateLoadBalancer' ? 'Throttling' : 'RequestLimitExceeded', status: 503 },
      }),
    );
    await area.make(one(area));
    await area.untilReady(1);
    expect(faults.map(({ hits }) => hits)).toEqual([2, 2, 2]);
    expect(area.machines()).toHaveLength(1);
  });

  test('that does not answer is asked again ever more slowly, and all comes about when it does', async () => {
    const area = stage.area('down');
    const fault = stage.sandbox.faults.add({ action: '*', region: area.region, dropRequest: true });
    await area.make(one(area));
    await area.until((network) => {
      expect(conditionOf(network, 'Ready')).toMatchObject({ status: 'False', reason: 'CloudUnavailable' });
      expect(conditionOf(network, 'Stalled')).toBeUndefined();
    });
    await eventually(
      async () => conditionOf((await area.network()) ?? { status: {} }, 'Ready')?.message,
      (message) => /next try in (4|8|16|32|60) s/.test(message ?? ''),
    );
    expect(area.calls().length).toBeLessThan(20);
    fault.remove();
    await area.hurry();
    await area.untilReady(1);
  });
});

test('through all of this the operator ran on', async () => {
  const metrics = await stage.operator.metrics();
  expect(metrics).toMatch(/^controller_runtime_reconcile_total\{controller="node",result="success"\} [1-9]/m);
  expect(metrics).toMatch(/^rest_client_requests_total\{code="200",method="GET",host="[^"]+"\} [1-9]/m);
  const panics = stage.operator.logs().filter(({ level }) => level === 'fatal' || level === 60);
  expect(panics).toEqual([]);
});
