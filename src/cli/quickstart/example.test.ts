import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readExample } from './example.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'peerage-example-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function read(text: string) {
  const path = join(dir, 'example.yaml');
  await writeFile(path, text);
  return readExample(path);
}

test('finds the Network among other objects, and how many Nodes it asks for', async () => {
  const text = `
kind: Secret
metadata: {name: keys}
---
kind: Network
metadata: {name: dev, namespace: chains}
spec: {placements: [{name: a, replicas: 3}, {name: b}]}
`;
  expect(await read(text)).toMatchObject({ namespace: 'chains', name: 'dev', replicas: 4 });
});

test('spec.replicas wins over the placements', async () => {
  const text = 'kind: Network\nmetadata: {name: dev}\nspec: {replicas: 7, placements: [{replicas: 3}]}\n';
  expect(await read(text)).toMatchObject({ namespace: 'default', replicas: 7 });
});

test('refuses a file without a Network', async () => {
  await expect(read('kind: Secret\nmetadata: {name: keys}\n')).rejects.toThrow('holds no Network');
});
