import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadTarget } from './kubeconfig.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'peerage-kubeconfig-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const both = `
current-context: dev
contexts:
- {name: dev, context: {cluster: near, user: me, namespace: chains}}
- {name: prod, context: {cluster: far, user: me}}
clusters:
- {name: near, cluster: {server: "https://near:6443", certificate-authority: pki/ca.crt}}
- {name: far, cluster: {server: "https://far:6443"}}
users:
- {name: me, user: {client-certificate: me.crt, client-key: /keys/me.key}}
`;

describe('a kubeconfig', () => {
  test('names its cluster and user by its current context, with paths from where it stands', () => {
    const target = loadTarget({ kubeconfigPath: write('config', both), env: {} });
    expect(target).toMatchObject({
      cluster: { server: 'https://near:6443', 'certificate-authority': join(folder, 'pki/ca.crt') },
      user: { 'client-certificate': join(folder, 'me.crt'), 'client-key': '/keys/me.key' },
      namespace: 'chains',
    });
  });

  test('can be used with another of its contexts', () => {
    const target = loadTarget({ kubeconfigPath: write('config', both), context: 'prod', env: {} });
    expect(target.cluster.server).toBe('https://far:6443');
  });

  test('may be spread over several files, the first of which wins, and some of which may be missing', () => {
    const first = write('first', 'current-context: prod');
    const second = write('second', both);
    const env = { KUBECONFIG: [first, join(folder, 'missing'), second].join(':') };
    expect(loadTarget({ env }).cluster.server).toBe('https://far:6443');
  });

  test('given by option wins over the environment', () => {
    const env = { KUBECONFIG: write('other', 'current-context: x') };
    expect(loadTarget({ kubeconfigPath: write('config', both), env }).namespace).toBe('chains');
  });

  test.each([
    ['current-context: x', 'there is no context "x"'],
    ['{}', 'no current-context is set'],
    [both.replace('cluster: near, user', 'cluster: lost, user'), 'there is no cluster "lost"'],
    [both.replace('https://near', 'ftp://near'), 'cluster "near"'],
    ['[', 'cannot be read'],
  ])('that is wrong is told so: %#', (text, message) => {
    const kubeconfigPath = write('config', text);
    expect(() => loadTarget({ kubeconfigPath, env: {} })).toThrow(message);
  });

  test('that does not exist is named', () => {
    const kubeconfigPath = join(folder, 'nowhere');
    expect(() => loadTarget({ kubeconfigPath, env: {} })).toThrow(
      `kubeconfig ${kubeconfigPath} does not exist`,
    );
  });

  test('shows none of its keys when it is wrong', () => {
    const kubeconfigPath = write('config', both.replace('client-key: /keys/me.key', 'token: "planted'));
    expect(() => loadTarget({ kubeconfigPath, env: {} })).toThrow(/^(?!.*planted).*$/s);
  });
});
