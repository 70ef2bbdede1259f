import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { z } from 'zod';
import { writeKubeconfig } from '../../src/sandbox/kubernetes/credentials.ts';
import { api } from './api.ts';

const tokenSchema = z.looseObject({ status: z.object({ token: z.string() }) });

/**
 * Mints a token of the ServiceAccount by TokenRequest, valid for an hour, and answers the path of a kubeconfig that has nothing
 * but that token. The file vanishes with the control plane.
 */
export async function serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
  const { url, caPem, kubeconfigPath } = inject('controlPlane');
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const answer = await api('POST', path, { spec: { expirationSeconds: 3600 } });
  const { status } = tokenSchema.parse(answer.body);
  const file = join(dirname(kubeconfigPath), `service-account-${randomUUID()}`);
  await writeKubeconfig(file, url, caPem, { token: status.token });
  return file;
}
