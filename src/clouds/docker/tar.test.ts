import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { filesIn, pack } from './tar.ts';

const tar = (args: readonly string[], input: Buffer) => execFileSync('tar', args, { input }).toString();

const deep = `/${'folder/'.repeat(20)}file`;
const files = [
  { path: '/etc/client.conf', content: 'a = 1\n' },
  { path: '/empty', content: '' },
  { path: deep, content: 'ü'.repeat(1000) },
];

test('is an archive that others can read', () => {
  const archive = pack(files);
  expect(tar(['-tvf', '-'], archive).trim().split('\n')).toEqual([
    expect.stringMatching(/^-r--r--r-- 0\/0 +6 .* etc\/client.conf$/),
    expect.stringMatching(/^-r--r--r-- 0\/0 +0 .* empty$/),
    expect.stringMatching(/^-r--r--r-- 0\/0 +2000 .*folder\/file$/),
  ]);
  expect(tar(['-xOf', '-', deep.slice(1)], archive)).toBe('ü'.repeat(1000));
});

test('is the same whenever it is packed', () => {
  expect(pack(files).equals(pack(files))).toBe(true);
});

test('gives back its files by their names', () => {
  expect(Object.fromEntries(filesIn(pack(files)))).toEqual({
    'client.conf': 'a = 1\n',
    empty: '',
    file: 'ü'.repeat(1000),
  });
  expect(filesIn(pack([])).size).toBe(0);
});

test('reads what others packed, folders and all', () => {
  const script = 'cd "$(mktemp -d)"; mkdir -p told; printf one >told/a; printf two >told/b; tar -cf - told';
  const archive = execFileSync('sh', ['-c', script]);
  expect(Object.fromEntries(filesIn(archive))).toEqual({ a: 'one', b: 'two' });
});

test('refuses a path that it has no room for', () => {
  expect(() => pack([{ path: `/${'x'.repeat(200)}`, content: '' }])).toThrow('path is too long');
});
