/** A Node on its way out. */
import { describe, expect, test } from 'vitest';
import { conditionOf, credentialRef, networkSpec, program, setUp, type Testbed } from '../testbed.ts';

test('a machine that the cloud refuses to end is asked for again when the wait is over, ever more slowly', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNode();
  await bed.run(10_000);
  bed.cloud.refuse('remove', 'unauthorized');
  await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  await bed.run(14_000);
  expect(bed.cloud.calledTimes('remove')).toBe(1);
  expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({
    status: 'False',
    reason: 'Unauthorized',
    message: 'remove refused: unauthorized: told beforehand; next try in 15 s',
  });
  await bed.run(3_000);
  expect(bed.cloud.calledTimes('remove')).toBe(2);
  expect(conditionOf(await bed.node(), 'Ready')?.message).toMatch(/next try in 30 s/);
  await bed.run(25_000);
  expect(bed.cloud.calledTimes('remove')).toBe(2);
  bed.cloud.refuse('remove');
  await bed.run(30_000);
  expect((await bed.server.nodes.list()).items).toEqual([]);
  expect([...bed.cloud.machines.values()].map(({ state }) => state)).toEqual(['terminated']);
});

test('a Node whose cloud never let us in goes as soon as it is deleted', async () => {
  const bed = await setUp();
  bed.startOperator();
  bed.cloud.refuse('verify', 'unauthorized');
  await bed.makeNode();
  await bed.run(5_000);
  expect(conditionOf(await bed.node(), 'Ready')?.reason).toBe('Unauthorized');
  await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  expect((await bed.server.nodes.list()).items).toEqual([]);
});

test('a Node whose CloudCredential is of another cloud says so, asks no cloud, and goes as soon as it is deleted', async () => {
  const bed = await setUp();
  bed.startOperator();
  await bed.server.nodes.create({
    metadata: { namespace: 'ns', name: 'lone' },
    spec: { credentialRef, client: program, docker: {} },
  });
  await bed.run(5_000);
  expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({
    reason: 'CredentialMismatch',
    message: expect.stringMatching(/^CloudCredential ns\/cred is for aws, not for docker;/),
  });
  expect(bed.cloud.calledTimes('verify')).toBe(1);
  await bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  expect((await bed.server.nodes.list()).items).toEqual([]);
});

test('a Node that is gone is told of once, whoever else asks for it before the cache knows', async () => {
  const bed = await setUp({ zones: ['z1'] });
  bed.startOperator();
  await bed.makeNetwork(networkSpec(12));
  await bed.run(30_000);
  await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
  bed.delayWatches(100);
  for (let times = 0; times < 4; times += 1) {
    await bed.ask(bed.server.networks, 'net').catch(() => {});
    await bed.run(1_000);
  }
  await bed.run(60_000);
  const gone = bed.told.filter((line) => line.startsWith('node is gone'));
  expect(gone).toHaveLength(12);
  expect(new Set(gone).size).toBe(12);
  expect(bed.told.filter((line) => line.startsWith('network is gone'))).toEqual(['network is gone: ns/net']);
});

describe('a machine younger than the read-lag window', () => {
  async function runningOrphan(): Promise<Testbed> {
    const bed = await setUp({ windowMs: 300_000 });
    bed.startOperator();
    await bed.makeNode();
    await bed.server.nodes.patch(
      { namespace: 'ns', name: 'lone' },
      { spec: { deletionPolicy: 'Orphan' } },
      { type: 'merge' },
    );
    await bed.run(10_000);
    return bed;
  }
  const leave = (bed: Testbed) => bed.server.nodes.delete({ namespace: 'ns', name: 'lone' });
  const owners = ({ cloud }: Testbed) =>
    [...cloud.machines.values()].map(({ state, owner }) => `${state} ${owner.cluster}`);

  test('is let go of at once, and lives on', async () => {
    const bed = await runningOrphan();
    await leave(bed);
    await bed.run(10_000);
    expect((await bed.server.nodes.list()).items).toEqual([]);
    expect(owners(bed)).toEqual(['running ']);
    expect(bed.cloud.around.get('node ns/lone')?.size).toBe(0);
  });

  test('is known to have been let go of by an operator that starts just then', async () => {
    const bed = await setUp({ windowMs: 300_000 });
    const stop = bed.startOperator();
    await bed.makeNetwork({ deletionPolicy: 'Orphan' });
    await bed.run(10_000);
    stop();
    await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
    for (const machine of bed.cloud.machines.values())
      bed.cloud.plant({ ...machine, owner: { cluster: '' } });
    bed.startOperator();
    await bed.run(60_000);
    expect((await bed.server.networks.list()).items).toEqual([]);
    expect(owners(bed)).toEqual(['running ']);
  });

  test("that is somebody else's by now is not waited for", async () => {
    const bed = await setUp({ windowMs: 300_000 });
    bed.startOperator();
    await bed.makeNode();
    await bed.run(400_000);
    for (const machine of bed.cloud.machines.values())
      bed.cloud.plant({ ...machine, owner: { cluster: 'other' } });
    await bed.run(70_000);
    await leave(bed);
    await bed.run(400_000);
    expect((await bed.server.nodes.list()).items).toEqual([]);
    expect(owners(bed)).toEqual(['running other']);
  });
});
