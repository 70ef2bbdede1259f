import { expect, test } from 'vitest';
import { KubeError } from '../kube/errors.ts';
import { conditionOf, networkSpec, setUp } from './testbed.ts';

const defect = () => new Error('the code has a defect');

test('a pass that fails for a reason of our own is told on its object, once, and tried again ever more slowly', async () => {
  const bed = await setUp();
  await bed.makeNode();
  bed.cloud.refuse('observe', defect);
  bed.startOperator();
  await bed.run(1_000);
  const node = await bed.node();
  expect(conditionOf(node, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'InternalError',
    message: expect.stringMatching(/^the operator failed: the code has a defect; it is tried again/),
    observedGeneration: node.metadata.generation,
  });
  expect(conditionOf(node, 'Reconciling')).toMatchObject({ status: 'True', reason: 'InternalError' });
  const from = bed.api.calls.length;
  const failed = bed.errors.length;
  await bed.run(60_000);
  expect(bed.patchesSince(from)).toEqual([]);
  // 1, 2, 4, 8, 16 and 32 s after each other.
  expect(bed.errors.length - failed).toBeLessThanOrEqual(6);
  expect(bed.errors.length - failed).toBeGreaterThanOrEqual(4);
});

test('what failed and goes well again is not told any more', async () => {
  const bed = await setUp();
  await bed.makeNode();
  bed.cloud.refuse('observe', defect);
  bed.startOperator();
  await bed.run(1_000);
  bed.cloud.refuse('observe');
  await bed.run(10_000);
  expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
});

test('a Network tells of a Node that fails', async () => {
  const bed = await setUp();
  bed.cloud.refuse('resolve', defect);
  bed.startOperator();
  await bed.makeNetwork(networkSpec(1));
  await bed.run(10_000);
  const [node] = await bed.nodes();
  expect(conditionOf(await bed.network(), 'Ready')).toMatchObject({
    status: 'False',
    message: expect.stringContaining(`${node?.metadata.name}: the operator failed: the code has a defect`),
  });
});

test('a failure that reads differently each time is written with each try, and no more often', async () => {
  const bed = await setUp();
  await bed.makeNode();
  let tries = 0;
  bed.cloud.refuse('verify', () => {
    tries += 1;
    return new Error(`request ${tries} came to nothing`);
  });
  bed.startOperator();
  const from = bed.api.calls.length;
  await bed.run(60_000);
  const written = bed.patchesSince(from).filter((call) => call === 'patch nodes ns/lone');
  expect(written.length).toBeGreaterThan(2);
  expect(written.length).toBeLessThanOrEqual(8);
});

test('a lost race is told nowhere', async () => {
  const bed = await setUp();
  await bed.makeNode();
  bed.api.failNext('patch', new KubeError('patch', { status: 409, reason: 'Conflict' }));
  bed.startOperator();
  await bed.run(500);
  expect(conditionOf(await bed.node(), 'Ready')?.reason).not.toBe('InternalError');
});

test('a launch that fails before its call, for a reason of our own, is tried again ever more slowly', async () => {
  const bed = await setUp();
  await bed.makeNode();
  bed.cloud.refuse('resolve', defect);
  bed.startOperator();
  await bed.run(60_000);
  // After 1, 2, 4, 8, 16 and 32 s.
  expect(bed.cloud.calledTimes('resolve')).toBeLessThanOrEqual(7);
  expect(bed.cloud.calledTimes('resolve')).toBeGreaterThanOrEqual(5);
  expect(conditionOf(await bed.node(), 'Ready')).toMatchObject({
    reason: 'InternalError',
    message: 'the operator failed: the code has a defect; next try in 32 s',
  });
});
