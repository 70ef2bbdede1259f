/** Trouble makes one Warning when it begins. */
import { expect, test } from 'vitest';
import { conditionOf, networkSpec, setUp } from './testbed.ts';

test('a CloudCredential and what uses it each tell once of what hinders them, however often it is tried', async () => {
  const bed = await setUp({ bare: true });
  bed.startOperator();
  await bed.makeCredential();
  await bed.makeNode();
  await bed.makeNetwork();
  await bed.run(900_000);
  expect((await bed.warnings()).map((line) => line.split(':', 1)[0]).toSorted()).toEqual([
    'CloudCredential cred SecretNotFound',
    'Network net SecretNotFound',
    'Node lone SecretNotFound',
  ]);
});

test('the same again is told only after all was well in between', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(10_000);
  const told = async () => (await bed.warnings()).filter((line) => line.startsWith('Network net Throttled'));
  for (const times of [1, 2]) {
    bed.cloud.refuse('observe', 'throttled');
    await bed.run(700_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ reason: 'Throttled' });
    expect(await told()).toHaveLength(times);
    bed.cloud.refuse('observe');
    await bed.run(120_000);
    expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({ reason: 'AllReady' });
  }
});

test('many Nodes of a Network with one trouble are one Event on the Network, with their number', async () => {
  const bed = await setUp({ zones: ['z1'] });
  bed.cloud.refuse('launch', 'invalid');
  bed.startOperator();
  await bed.makeNetwork(networkSpec(40));
  await bed.run(900_000);
  const warnings = await bed.warnings();
  expect(warnings.filter((line) => line.includes('InvalidRequest'))).toEqual([
    expect.stringMatching(/^Network net InvalidRequest: net-here-\w{5}: launch refused: .* \(x32\)$/),
  ]);
  expect(warnings.length).toBeLessThan(4);
});

test('what an earlier operator has told is not told again', async () => {
  const bed = await setUp({ bare: true });
  const stop = bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  stop();
  bed.startOperator();
  await bed.run(60_000);
  expect(await bed.warnings()).toEqual([
    'Node lone CredentialNotFound: there is no CloudCredential ns/cred; next try in 15 s',
  ]);
});

test('a pass that fails for a reason of our own is told, too', async () => {
  const bed = await setUp();
  bed.cloud.refuse('observe', () => new Error('the code has a defect'));
  bed.startOperator();
  await bed.makeNode();
  await bed.run(60_000);
  expect(await bed.warnings()).toEqual([
    expect.stringContaining('Node lone InternalError: the operator failed: the code has a defect'),
  ]);
});
