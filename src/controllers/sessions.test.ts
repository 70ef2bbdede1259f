/** Keys that change, and keys that are revoked. */
import { describe, expect, test } from 'vitest';
import { CloudError } from '../clouds/cloud.ts';
import { conditionOf, setUp, type Testbed } from './testbed.ts';

async function verifiedNow(bed: Testbed): Promise<string | undefined> {
  return conditionOf(await bed.credential(), 'Ready')?.reason;
}

async function atRest(): Promise<Testbed> {
  const bed = await setUp();
  bed.startOperator();
  await bed.run(1_000);
  expect(await verifiedNow(bed)).toBe('Verified');
  expect(bed.cloud.calledTimes('verify')).toBe(1);
  return bed;
}

describe('a credential at rest', () => {
  test('is verified every ten minutes', async () => {
    const bed = await atRest();
    const from = bed.api.calls.length;
    await bed.run(1_800_000);
    expect(bed.cloud.calledTimes('verify')).toBe(4);
    expect(bed.patchesSince(from)).toEqual([]);
  });

  test('whose keys are revoked says so within ten minutes, and is well again when they are good', async () => {
    const bed = await atRest();
    bed.cloud.refuse('verify', 'unauthorized');
    await bed.run(600_000 + 30_000);
    expect(conditionOf(await bed.credential(), 'Stalled')).toMatchObject({ reason: 'Unauthorized' });
    bed.cloud.refuse('verify');
    await bed.run(31_000);
    expect(await verifiedNow(bed)).toBe('Verified');
    expect(conditionOf(await bed.credential(), 'Stalled')).toBeUndefined();
  });

  test('asks the cloud at once when somebody wants to know', async () => {
    const bed = await atRest();
    bed.cloud.refuse('verify', 'unauthorized');
    await bed.ask(bed.server.credentials, 'cred');
    await bed.run(100);
    expect(await verifiedNow(bed)).toBe('Unauthorized');
    bed.cloud.refuse('verify');
    await bed.ask(bed.server.credentials, 'cred');
    await bed.run(100);
    expect(await verifiedNow(bed)).toBe('Verified');
  });
});

test('a Secret that lacks a key is named, and so is the CloudCredential that needs it', async () => {
  const bed = await setUp();
  const facts = { code: 'invalid', outcome: 'none', api: 'credential' } as const;
  bed.cloud.refuse(
    'open',
    () => new CloudError({ ...facts, reason: 'SecretKeyMissing', message: 'the Secret has no key k' }),
  );
  bed.startOperator();
  await bed.run(1_000);
  expect(conditionOf(await bed.credential(), 'Stalled')).toMatchObject({
    reason: 'SecretKeyMissing',
    message: expect.stringMatching(/^Secret keys: .*the Secret has no key k; next try in/),
  });
});

test('what is looked for again says so once', async () => {
  const bed = await setUp({ bare: true });
  await bed.makeCredential();
  bed.startOperator();
  await bed.makeNode();
  await bed.run(1_000);
  expect(conditionOf(await bed.node(), 'Stalled')?.message).toBe(
    'CloudCredential ns/cred: there is no Secret keys in namespace ns; next try in 15 s',
  );
});

describe('a Secret that was read a moment ago', () => {
  test.for(['networks', 'nodes', 'credentials'] as const)(
    'is read again when somebody asks for a look, by annotation on one of the %s',
    async (kind) => {
      const bed = await setUp();
      bed.startOperator();
      await bed.makeNetwork();
      await bed.run(10_000);
      const opened = bed.cloud.keysUsed.length;
      await bed.changeSecret('second');
      await bed.run(100);
      expect(bed.cloud.keysUsed).toHaveLength(opened);
      const [node] = await bed.nodes();
      const name = { networks: 'net', nodes: node?.metadata.name ?? '', credentials: 'cred' }[kind];
      const resource = bed.server[kind];
      await resource.patch(
        { namespace: 'ns', name },
        { metadata: { annotations: { 'peerage.dev/reconcile': 'now' } } },
        { type: 'merge' },
      );
      await bed.run(2_000);
      expect(bed.cloud.keysUsed.at(-1)).toBe('second');
    },
  );

  test('takes effect within a minute without anybody asking', async () => {
    const bed = await atRest();
    await bed.changeSecret('second');
    await bed.run(60_000);
    expect(bed.cloud.keysUsed.at(-1)).toBe('second');
  });
});

test('what was refused is tried again at once with other keys, wherever it is used', async () => {
  const bed = await setUp();
  bed.cloud.refuse('verify', 'unauthorized');
  bed.startOperator();
  await bed.makeNetwork();
  // 15, 30, 60 and 120 s after each other: the next try of the Network is minutes away.
  await bed.run(240_000);
  expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({ reason: 'Unauthorized' });
  bed.cloud.refuse('verify');
  await bed.changeSecret('second');
  await bed.run(65_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
});

test('a missing Secret is named, and all goes on when it is made', async () => {
  const bed = await setUp({ bare: true });
  await bed.makeCredential();
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(5_000);
  expect(conditionOf(await bed.network(), 'Stalled')).toMatchObject({
    reason: 'SecretNotFound',
    message: expect.stringContaining('there is no Secret keys in namespace ns'),
  });
  expect(conditionOf(await bed.credential(), 'Stalled')).toMatchObject({ reason: 'SecretNotFound' });
  expect(bed.cloud.calls).toEqual([]);
  await bed.makeSecret();
  await bed.run(40_000);
  expect(conditionOf(await bed.network(), 'Ready')?.status).toBe('True');
  expect(conditionOf(await bed.credential(), 'Ready')?.status).toBe('True');
});
