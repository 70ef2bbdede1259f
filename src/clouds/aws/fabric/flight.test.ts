import { expect, test } from 'vitest';
import { shareFlight } from './flight.ts';

function controlled() {
  const starts: {
    input: string;
    signal: AbortSignal;
    land: (result: string) => void;
    crash: (why: Error) => void;
  }[] = [];
  const fly = shareFlight<string, string>(
    (input, signal) =>
      new Promise((land, crash) => {
        starts.push({ input, signal, land, crash });
      }),
  );
  return { fly, starts };
}

const never = new AbortController().signal;

test('those who ask while one is under way share it, the next begins another', async () => {
  const { fly, starts } = controlled();
  const both = Promise.all([fly('a', never), fly('b', never)]);
  starts[0]?.land('result');

  expect(await both).toEqual(['result', 'result']);
  expect(starts).toHaveLength(1);

  const later = fly('c', never);
  starts[1]?.land('other');
  expect(await later).toBe('other');
});

test('a failure reaches everybody, and the next begins anew', async () => {
  const { fly, starts } = controlled();
  const both = Promise.allSettled([fly('a', never), fly('b', never)]);
  starts[0]?.crash(new Error('no'));

  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const later = fly('c', never);
  starts[1]?.land('yes');
  expect(await later).toBe('yes');
});

test('who aborts leaves alone', async () => {
  const { fly, starts } = controlled();
  const leaving = new AbortController();
  const gone = fly('a', leaving.signal);
  const staying = fly('b', never);

  leaving.abort(new Error('enough'));

  await expect(gone).rejects.toThrow('enough');
  expect(starts[0]?.signal.aborted).toBe(false);
  starts[0]?.land('result');
  expect(await staying).toBe('result');
});

test('when the last one leaves it is aborted, and whoever comes then gets a new one', async () => {
  const { fly, starts } = controlled();
  const leaving = new AbortController();
  const gone = fly('a', leaving.signal);
  leaving.abort(new Error('enough'));
  await expect(gone).rejects.toThrow('enough');

  expect(starts[0]?.signal.aborted).toBe(true);
  const next = fly('b', never);
  starts[1]?.land('result');
  expect(await next).toBe('result');
});

test('who comes aborted starts nothing', async () => {
  const { fly, starts } = controlled();

  await expect(fly('a', AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  expect(starts).toHaveLength(0);
});

test('who is called off by the very start leaves at once', async () => {
  const leaving = new AbortController();
  const fly = shareFlight<string, string>(() => {
    leaving.abort(new Error('enough'));
    return new Promise(() => {});
  });
  await expect(fly('a', leaving.signal)).rejects.toThrow('enough');
});
