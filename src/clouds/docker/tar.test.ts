import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { firstFile, pack } from './tar.ts';

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

test('gives back its first file, whatever stands before it', () => {
  expect(firstFile(pack(files))).toBe('a = 1\n');
  expect(firstFile(pack([]))).toBeUndefined();
});

test('refuses a path that it has no room for', () => {
  expect(() => pack([{ path: `/${'x'.repeat(200)}`, content: '' }])).toThrow('path is too long');
});
