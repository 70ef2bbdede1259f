import type { ApiName } from './call.ts';

/** What an Authorization header says of a call, besides the signature itself, which nobody checks here. */
export interface Signed {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

/**
 * Reads the credential scope, `KEY/DATE/REGION/SERVICE/aws4_request`: the one place that tells which API a call on a
 * shared address is for. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function readSignature(authorization: string | undefined): Signed | undefined {
  const match = /Credential=([^/,\s]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(authorization ?? '');
  const [, accessKeyId, region, service] = match ?? [];
  if (accessKeyId === undefined || region === undefined || service === undefined) return undefined;
  return { accessKeyId, region, service };
}

export function isApiName(service: string): service is ApiName {
  return service === 'ec2' || service === 'elasticloadbalancing' || service === 'sts' || service === 'ssm';
}
