import { describe, expect, test } from 'vitest';
import { refereePath } from '../support/referees.ts';
import { render, template } from './chart.ts';

describe.skipIf(!refereePath('helm'))('values', () => {
  test.each([
    ['an unknown value', { replica: 2 }, 'replica'],
    ['an unknown value inside', { image: { repo: 'peerage' } }, 'repo'],
    ['replicas below zero', { replicas: -1 }, '/replicas'],
    ['a string for a boolean', { paused: 'yes' }, '/paused'],
    ['a namespace that cannot exist', { watchNamespaces: ['Chains'] }, '/watchNamespaces/0'],
    ['a namespace twice', { watchNamespaces: ['chains', 'chains'] }, '/watchNamespaces'],
    ['half a digest', { image: { digest: 'sha256:abc' } }, '/image/digest'],
    ['a pull policy that does not exist', { image: { pullPolicy: 'Sometimes' } }, '/image/pullPolicy'],
    ['the port of the probes for metrics', { metrics: { port: 8081 } }, '/metrics/port'],
    ['a privileged port', { metrics: { port: 80 } }, '/metrics/port'],
    [
      'a ServiceMonitor without its Service',
      { metrics: { service: { enabled: false }, serviceMonitor: { enabled: true } } },
      '/metrics/service/enabled',
    ],
    ['authorities from two places', { extraCa: { configMapName: 'a', secretName: 'b' } }, '/extraCa'],
    ['a proxy with a password', { proxy: { httpsProxy: 'http://me:pw@proxy:3128' } }, '/proxy/httpsProxy'],
    ['memory that is no quantity', { resources: { limits: { memory: 'much' } } }, '/resources/limits/memory'],
    ['an unnamed variable', { extraEnv: [{ value: 'x' }] }, '/extraEnv/0'],
    [
      'a variable with two values',
      { extraEnv: [{ name: 'A', value: 'x', valueFrom: { fieldRef: {} } }] },
      '/extraEnv/0',
    ],
    ['a log level nobody knows', { log: { level: 'loud' } }, '/log/level'],
  ])('refuses %s and says where', async (_, values, where) => {
    const { code, stderr } = await template({ values });
    expect(code).not.toBe(0);
    expect(stderr).toContain(where);
  });

  test('refuses to use a service account without a name', async () => {
    const { code, stderr } = await template({ values: { serviceAccount: { create: false } } });
    expect(code).not.toBe(0);
    expect(stderr).toContain('serviceAccount.name');
  });

  test('refuses a Kubernetes that is too old', async () => {
    const { code, stderr } = await template({ args: ['--kube-version', '1.30.9'] });
    expect(code).not.toBe(0);
    expect(stderr).toContain('1.31');
  });

  test.each(['1.31.0', '1.36.2', '1.33.4-eks-1a2b3c'])('accepts Kubernetes %s', async (version) => {
    const { code } = await template({ args: ['--kube-version', version] });
    expect(code).toBe(0);
  });

  test('accepts what a chart that contains this one adds', async () => {
    await expect(render({ values: { global: { anything: 1 }, enabled: true } })).resolves.not.toHaveLength(0);
  });
});
