import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { CLOUDS } from './clouds/index.ts';
import { parseConfig } from './config.ts';

function configOf(argv: string[], env = {}) {
  const parsed = parseConfig(argv, env);
  if (!('config' in parsed)) throw new Error(parsed.text);
  return parsed.config;
}

describe('what this is', () => {
  const { description } = packageJson;

  test.for([
    ['Dockerfile', `description="${description}"`],
    ['helm/peerage/Chart.yaml', `description: ${description}\n`],
  ] as const)('is said in the same words in %s', ([path, words]) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).toContain(words);
  });

  test('is said in the same words by --help', () => {
    const shown = parseConfig(['--help'], {});
    expect('text' in shown && shown.text.replaceAll(/\s+/g, ' ')).toContain(description);
  });

  test.for(Object.keys(CLOUDS))('names %s', (cloud) => {
    expect(description.toLowerCase()).toContain(cloud);
  });
});

describe('the options', () => {
  test('have defaults that suit a first run', () => {
    expect(configOf([])).toEqual({
      paused: false,
      leaderElect: false,
      healthAddress: '0.0.0.0:8081',
      logLevel: 'info',
      nodeConcurrency: 32,
      readLagWindowSeconds: 300,
      inventoryBusySeconds: 3,
      inventoryRestSeconds: 60,
      sweepIntervalSeconds: 600,
      sweepGraceSeconds: 600,
      probeNodes: true,
      secretFinalizers: true,
      kubeCallTimeoutSeconds: 15,
    });
  });

  test('come from the command line before the environment, and an empty variable is none', () => {
    const env = { PEERAGE_LOG_LEVEL: 'debug', PEERAGE_NODE_CONCURRENCY: '8', PEERAGE_CLUSTER_ID: '' };
    expect(configOf(['--log-level', 'warn'], env)).toMatchObject({ logLevel: 'warn', nodeConcurrency: 8 });
    expect(configOf([], env)).not.toHaveProperty('clusterId');
  });

  test('that are flags can be switched both ways, in both places', () => {
    expect(configOf(['--paused', '--secret-finalizers=false'])).toMatchObject({
      paused: true,
      secretFinalizers: false,
    });
    const env = { PEERAGE_PAUSED: 'true', PEERAGE_SECRET_FINALIZERS: '0' };
    expect(configOf([], env)).toMatchObject({ paused: true, secretFinalizers: false });
    expect(configOf(['--paused', 'false'], env).paused).toBe(false);
  });

  test('list namespaces', () => {
    expect(configOf(['--watch-namespaces', 'a, b-2']).watchNamespaces).toEqual(['a', 'b-2']);
  });

  test('that are wrong are all told at once, each by the name under which it was given', () => {
    const env = { PEERAGE_HEALTH_ADDRESS: 'nowhere' };
    const parsed = parseConfig(
      ['--node-concurrency', '0', '--watch-namespaces', 'A', '--log-level', 'loud'],
      env,
    );
    if ('config' in parsed) throw new Error('taken');
    expect(parsed.exitCode).toBe(2);
    for (const name of [
      'PEERAGE_HEALTH_ADDRESS',
      '--node-concurrency',
      '--watch-namespaces',
      '--log-level',
    ]) {
      expect(parsed.text).toContain(`${name}: `);
    }
  });

  test('that do not exist are refused', () => {
    expect(parseConfig(['--leader-elekt'], {})).toMatchObject({ exitCode: 2, text: /--leader-elect/ });
    expect(parseConfig(['extra'], {})).toMatchObject({ exitCode: 2 });
  });

  test('are explained by --help, each of them, and that is no error', () => {
    const parsed = parseConfig(['--help'], {});
    if ('config' in parsed) throw new Error('taken');
    expect(parsed.exitCode).toBe(0);
    for (const name of ['--kubeconfig', '--watch-namespaces', '--leader-elect', '--inventory-busy-seconds']) {
      expect(parsed.text).toContain(name);
    }
    expect(parseConfig(['--version'], {})).toMatchObject({ exitCode: 0, text: /^\d+\.\d+\.\d+\n$/ });
  });
});
