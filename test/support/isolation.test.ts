import { expect, test } from 'vitest';
import { isolate } from './isolation.ts';

test("takes the user's cloud accounts and cluster out of the environment, and leaves the rest", () => {
  const env = {
    AWS_ACCESS_KEY_ID: 'real',
    AWS_PROFILE: 'real',
    AZURE_CLIENT_SECRET: 'real',
    PEERAGE_WATCH_NAMESPACES: 'mine',
    PEERAGE_TEST_MOTO: '/moto',
    KUBECONFIG: '/home/me/.kube/config',
    HTTPS_PROXY: 'http://proxy.example:3128',
    NO_PROXY: 'intranet.example',
    PATH: '/bin',
  };

  isolate(env);

  expect(env).toEqual({
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    PEERAGE_TEST_MOTO: '/moto',
    KUBECONFIG: '/dev/null',
    HTTPS_PROXY: 'http://proxy.example:3128',
    NO_PROXY: 'intranet.example,127.0.0.1,localhost',
    no_proxy: 'intranet.example,127.0.0.1,localhost',
    PATH: '/bin',
  });
});
