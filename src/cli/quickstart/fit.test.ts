import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type Fit, fitTo, readFit } from './fit.ts';

let text: string;
beforeAll(async () => {
  text = await readFile(join(import.meta.dirname, '../../../examples/docker-network.yaml'), 'utf8');
});

const elsewhere: Fit = {
  host: 'unix:///tmp/engine.sock',
  port: 40_123,
  images: { client: 'made/anvil:1', haproxy: 'made/haproxy:1' },
};

test('the example is applied to the letter where everything is as it says', () => {
  expect(fitTo(text, readFit(text))).toEqual({ text, changes: [] });
});

test('the image of the balancer is the default where the example names none', () => {
  expect(readFit(text)).toMatchObject({ images: { haproxy: 'haproxy:3.2' } });
});

test('what differs is put in, and told', () => {
  const fitted = fitTo(text, elsewhere);
  expect(readFit(fitted.text)).toEqual(elsewhere);
  expect(fitted.changes).toEqual([
    'host: unix:///tmp/engine.sock',
    'image: made/anvil:1',
    'haproxyImage: made/haproxy:1',
    'port: 40123',
  ]);
});

test('nothing else changes', () => {
  const fitted = fitTo(text, { ...readFit(text), port: 40_123 });
  const [before, after] = [text, fitted.text].map((yaml) =>
    parseAllDocuments(yaml).map((document) => JSON.stringify(document.toJS())),
  );
  expect(after).toEqual(before?.map((json) => json.replace('"port":8545,"target', '"port":40123,"target')));
});

test('manifests without an engine are refused', () => {
  expect(() => readFit('kind: Network\n')).toThrow();
});
