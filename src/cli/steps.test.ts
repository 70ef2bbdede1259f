import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createScreen } from './screen.ts';
import { createSteps, Interrupted, StepFailed } from './steps.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const written: string[] = [];
  const stop = new AbortController();
  const run = createSteps(createScreen({ write: (text: string) => written.push(text) }), stop.signal);
  return { written, stop, run };
}

const never = () => new Promise<never>(() => {});

test('prints each step with its seconds, and answers what the work answers', async () => {
  const { run, written } = setUp();
  const done = run({ name: 'cluster up', withinSeconds: 9 }, async ({ progress }) => {
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    progress('etcd');
    return 42;
  });
  await vi.advanceTimersByTimeAsync(2_300);
  expect(await done).toBe(42);
  expect(written).toEqual(['         2.3 s  cluster up: etcd\n', '  ok    2.3 s  cluster up\n']);
});

test('fails a step at its deadline, even one that does not listen', async () => {
  const { run, written } = setUp();
  const done = run({ name: 'cluster up', withinSeconds: 9 }, never).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(12_001);
  const failure = await done;
  expect(failure).toBeInstanceOf(StepFailed);
  expect(failure).toMatchObject({ step: 'cluster up', message: 'not done within 9 s' });
  expect(written.at(-1)).toContain('FAIL');
});

test('a deadline tells how far it had come', async () => {
  const { run } = setUp();
  const done = run({ name: 'cluster up', withinSeconds: 9 }, ({ progress }) => {
    progress('2 of 3 nodes are ready');
    return never();
  }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(12_001);
  expect(await done).toMatchObject({ message: 'not done within 9 s; it was at: 2 of 3 nodes are ready' });
});

test('tells the reason for the stop, not the error that followed from it', async () => {
  const { run, stop } = setUp();
  const done = run({ name: 'Network Ready', withinSeconds: 9 }, ({ signal }) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(new Error('socket closed')));
    return promise;
  });
  const failure = done.catch((error: unknown) => error);
  stop.abort(new Error('the operator ended with code 1'));
  await vi.advanceTimersByTimeAsync(0);
  expect(await failure).toMatchObject({ step: 'Network Ready', message: 'the operator ended with code 1' });
});

test('an interrupt is no failure to print', async () => {
  const { run, stop, written } = setUp();
  stop.abort(new Interrupted());
  const failure = run({ name: 'Network Ready', withinSeconds: 9 }, never).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(3_001);
  expect(await failure).toMatchObject({ cause: expect.any(Interrupted) });
  expect(written).toEqual([]);
});
