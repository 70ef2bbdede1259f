import { expect, test } from 'vitest';
import { CloudError } from '../../cloud.ts';
import { createPart, type PartOptions } from './part.ts';

const signal = new AbortController().signal;

/** A part over a cloud that the test fills; time moves when the test says so. */
function begin(options: Partial<PartOptions<string>> = {}) {
  const cloud = new Map<string, string>();
  const time = { now: 1_000_000 };
  let reads = 0;
  const part = createPart<string>({
    now: () => time.now,
    read: async () => {
      reads += 1;
      return Array.from(cloud);
    },
    ...options,
  });
  return {
    cloud,
    time,
    part,
    look: async (maxAgeMs: number) => {
      const before = reads;
      await part.ensure(maxAgeMs, { signal });
      return { read: reads > before, rows: Object.fromEntries(part.rows()) };
    },
  };
}

test('reads when it is older than asked for, and not before', async () => {
  const { look, time, cloud } = begin();
  cloud.set('a', 'one');
  expect(await look(60_000)).toEqual({ read: true, rows: { a: 'one' } });
  cloud.set('a', 'two');
  time.now += 59_999;
  expect(await look(60_000)).toEqual({ read: false, rows: { a: 'one' } });
  time.now += 1;
  expect(await look(60_000)).toEqual({ read: true, rows: { a: 'two' } });
  expect((await look(0)).read).toBe(true);
});

test('own writes show at once and without a read', async () => {
  const { look, part, cloud } = begin();
  cloud.set('b', 'old').set('c', 'old');
  await look(60_000);
  part.made('a', 'new');
  part.changed('b', 'new');
  part.removed('c');

  expect(await look(60_000)).toEqual({ read: false, rows: { a: 'new', b: 'new' } });
});

test('what was written while a read was under way outlasts it', async () => {
  const release: (() => void)[] = [];
  const { look, part } = begin({
    read: () =>
      new Promise((resolve) => {
        release.push(() =>
          resolve([
            ['b', 'old'],
            ['c', 'old'],
          ]),
        );
      }),
  });
  const looking = look(0);
  part.made('a', 'new');
  part.changed('b', 'new');
  part.removed('c');
  release[0]?.();

  expect((await looking).rows).toEqual({ a: 'new', b: 'new' });
});

test('what we made stays for the time that reads may lag, and no longer', async () => {
  const { look, part, time } = begin();
  await look(0);
  part.made('a', 'new');
  part.changed('a', 'newer');
  time.now += 299_999;
  expect((await look(0)).rows).toEqual({ a: 'newer' });
  expect(part.isMade('a')).toBe(true);
  time.now += 1;
  expect((await look(0)).rows).toEqual({});
});

test('once a read has shown what we made, its absence counts', async () => {
  const { look, part, cloud } = begin();
  part.made('a', 'new');
  cloud.set('a', 'new');
  await look(0);
  cloud.delete('a');

  expect((await look(0)).rows).toEqual({});
});

test('what we removed stays away although reads still show it', async () => {
  const { look, part, cloud, time } = begin();
  cloud.set('a', 'old');
  await look(0);
  part.removed('a');
  expect((await look(0)).rows).toEqual({});
  expect(part.isRemoved('a')).toBe(true);
  time.now += 300_000;
  expect((await look(0)).rows).toEqual({ a: 'old' });
});

test('a change by another hand shows in the next read', async () => {
  const { look, part, cloud } = begin();
  cloud.set('a', 'old');
  await look(0);
  part.changed('a', 'ours');
  cloud.set('a', 'theirs');

  expect((await look(0)).rows).toEqual({ a: 'theirs' });
});

test('an own write is looked after once, five seconds later', async () => {
  const { look, part, time } = begin();
  await look(0);
  part.made('a', 'new');
  time.now += 4_999;
  expect((await look(600_000)).read).toBe(false);
  time.now += 1;
  expect((await look(600_000)).read).toBe(true);
  time.now += 60_000;
  expect((await look(600_000)).read).toBe(false);
});

test('what is moving is looked at soon, and ever more rarely while nothing comes of it', async () => {
  const { look, cloud, time } = begin({ moving: (row) => row === 'initial' });
  cloud.set('a', 'initial');
  await look(0);
  const at: number[] = [];
  for (let second = 1; second <= 600; second += 1) {
    time.now += 1000;
    if ((await look(600_000)).read) at.push(second);
  }

  expect(at.slice(0, 4)).toEqual([5, 10, 15, 20]);
  expect(at.length).toBeLessThan(25);
  cloud.set('a', 'healthy');
  time.now += 600_000;
  await look(600_000);
  time.now += 60_000;
  expect((await look(600_000)).read).toBe(false);
});

test('after a failed read the next look reads again', async () => {
  let fail = true;
  const { look } = begin({
    read: async () => {
      if (fail) throw new Error('no answer');
      return [['a', 'one']];
    },
  });
  await expect(look(60_000)).rejects.toThrow('no answer');
  fail = false;

  expect((await look(60_000)).rows).toEqual({ a: 'one' });
});

test('what belongs to something too young for AWS to know keeps its rows', async () => {
  let young = true;
  const { look, part } = begin({
    young: () => young,
    read: async () => {
      throw new CloudError({
        code: 'notFound',
        outcome: 'none',
        api: 'Describe',
        reason: 'NotFound',
        message: 'what?',
      });
    },
  });
  part.made('a', 'new');

  expect((await look(0)).rows).toEqual({ a: 'new' });
  young = false;
  await expect(look(0)).rejects.toMatchObject({ code: 'notFound' });
});
