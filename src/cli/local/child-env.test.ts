import { expect, test } from 'vitest';
import { childEnv } from './child-env.ts';

const own = {
  PATH: '/bin',
  HOME: '/home/ann',
  KUBECONFIG: '/home/ann/prod',
  AWS_PROFILE: 'prod',
  AWS_SECRET_ACCESS_KEY: 'planted',
  HTTPS_PROXY: 'http://proxy',
  PEERAGE_PAUSED: 'true',
};

test("keeps the user's clouds, clusters and proxies away from a child", () => {
  expect(childEnv('/tmp/home', {}, own)).toEqual({ PATH: '/bin', HOME: '/tmp/home' });
});

test('gives a child what it is told, above all else', () => {
  expect(childEnv('/tmp/home', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', PATH: '/x' }, own)).toEqual({
    PATH: '/x',
    HOME: '/tmp/home',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  });
});
