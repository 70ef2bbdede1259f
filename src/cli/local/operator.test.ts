import { expect, test } from 'vitest';
import { parseConfig } from '../../config.ts';
import { operatorEnv } from './operator.ts';
import { pretendedAwsEnv } from './rehearsal.ts';

function configWith(env: Readonly<Record<string, string>>) {
  const parsed = parseConfig([], operatorEnv({ kubeconfigPath: '/k', home: '/h', env }, '127.0.0.1:1'));
  if (!('config' in parsed)) throw new Error(parsed.text);
  return parsed.config;
}

test('an operator asks nodes how they are, as everywhere', () => {
  expect(configWith({})).toMatchObject({
    kubeconfig: '/k',
    healthAddress: '127.0.0.1:1',
    probeNodes: true,
  });
});

test("but no machine that is pretended: its address may be somebody's", () => {
  expect(configWith(pretendedAwsEnv('http://127.0.0.1:2'))).toMatchObject({ probeNodes: false });
});
