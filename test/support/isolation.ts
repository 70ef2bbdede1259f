/**
 * Takes out of the environment what would let a test reach something of its user's: cloud accounts, clusters, a running
 * control plane. Tests set what they need themselves. Everything else (proxies, CA bundles, caches) stays.
 */
export function isolate(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) {
    if (/^(AWS|AZURE|ARM|PEERAGE)_/.test(name) && !name.startsWith('PEERAGE_TEST_')) {
      delete env[name];
    }
  }
  // Without these the AWS SDK goes on to look into the home folder and asks the machine's metadata service.
  env.AWS_CONFIG_FILE = '/dev/null';
  env.AWS_SHARED_CREDENTIALS_FILE = '/dev/null';
  env.AWS_EC2_METADATA_DISABLED = 'true';
  // An unset KUBECONFIG means the one in the home folder.
  env.KUBECONFIG = '/dev/null';
  const direct = ['127.0.0.1', 'localhost'];
  env.NO_PROXY = [env.NO_PROXY ?? env.no_proxy ?? [], direct].flat().join(',');
  env.no_proxy = env.NO_PROXY;
}
