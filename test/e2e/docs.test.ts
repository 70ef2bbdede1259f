/** What the docs tell people to write is taken by the API server: whole objects, and parts of a Network. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { installKinds } from '../support/kinds.ts';
import { kubectl } from '../support/kubectl.ts';

const root = join(import.meta.dirname, '../..');
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
const pages = ['README.md', ...docs.filter((path) => path.endsWith('.md')).map((path) => `docs/${path}`)];

type Part = Readonly<Record<string, unknown>>;
const part: z.ZodType<Part> = z.record(z.string(), z.unknown());

const blocks = pages.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => parseAllDocuments(block).map((document) => part.parse(document.toJS())))
    .map((document, position) => ({ called: `${page} ${position + 1}`, document })),
);

/** Rules for alerts, and what other programs are configured with, are held elsewhere. */
const ours = blocks.filter(
  ({ document: { apiVersion, groups, data } }) =>
    apiVersion === 'peerage.dev/v1alpha1' || (apiVersion === undefined && !groups && !data),
);

beforeAll(installKinds);

test('some are found, whole ones and parts', () => {
  expect(ours.some(({ document }) => document.kind === 'CloudCredential')).toBe(true);
  expect(ours.some(({ document }) => document.docker !== undefined)).toBe(true);
  expect(ours.some(({ document }) => document.gateway !== undefined)).toBe(true);
});

test.each(ours)('$called is taken', async ({ document }) => {
  const { metadata } = document;
  const whole = document.apiVersion === undefined ? networkWith(document) : document;
  // Of the namespaces that the pages speak of none is there.
  const here = { ...whole, metadata: { ...part.parse(metadata ?? { name: 'dev' }), namespace: 'default' } };
  await kubectl(['apply', '--dry-run=server', '-f', '-'], { input: stringify(here) });
});

/** Around a part: `spec: ...`, `gateway: ...`, or `docker: ...` of a placement. */
function networkWith({ spec, docker = {}, ...more }: Part): Part {
  const network = {
    client: {
      image: 'example.com/client:1',
      ports: [
        { name: 'rpc', port: 8545 },
        { name: 'p2p', port: 30303 },
        { name: 'metrics', port: 9090 },
      ],
    },
    balancer: { type: 'Network', ports: [{ port: 80, targetPort: 'rpc' }] },
    placements: [{ name: 'here', credentialRef: { name: 'engine' }, docker }],
  };
  return {
    apiVersion: 'peerage.dev/v1alpha1',
    kind: 'Network',
    spec: { ...network, ...part.parse(spec ?? {}), ...more },
  };
}
