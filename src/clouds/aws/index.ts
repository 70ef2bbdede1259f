/** AWS: EC2 machines behind ELBv2 balancers. The SDK is loaded by the first `open`. */
import type { Cloud } from '../cloud.ts';
import { awsCredential } from './credential-schema.ts';
import { LIMITS } from './limits.ts';
import { parse } from './parse.ts';
import { awsPlacement } from './schema.ts';

export const aws: Cloud = {
  name: 'aws',
  placement: awsPlacement,
  credential: awsCredential,
  readsLag: true,
  hasUserData: true,
  // Where machines stand, and what else carries the tags, decides about the next machine only; certificates are none of theirs.
  mutable: ['zones', 'tags', 'certificates'],
  limits: LIMITS,
  regionOf: (spec) => parse(awsPlacement, spec, 'aws').region,
  homeRegionOf: (credential) => parse(awsCredential, credential, 'aws').defaultRegion ?? 'us-east-1',
  secretOf: (credential) => parse(awsCredential, credential, 'aws').secretRef?.name,
  open: async (options) => {
    const { open } = await import('./session.ts');
    return await open(options);
  },
};
