/** Docker: containers of one engine, behind HAProxy in another. The SDK is loaded by the first `open`. */
import type { Cloud } from '../cloud.ts';
import { ZONE } from './describe.ts';
import { LIMITS } from './limits.ts';
import { parse } from './parse.ts';
import { dockerRules } from './rules.ts';
import { dockerCredential, dockerPlacement } from './schema.ts';

export const docker: Cloud = {
  name: 'docker',
  placement: dockerPlacement,
  credential: dockerCredential,
  rules: dockerRules,
  // An engine shows a container before it answers that it made it.
  readsLag: false,
  // The ports of a balancer are published on the engine's host.
  balancersShareAddress: true,
  // The engine fetches images, and is handed the environment and the files of a container.
  hasUserData: false,
  // Labels cannot be changed, so they are those of the next container; the balancer's image is no machine's.
  mutable: ['labels', 'haproxyImage'],
  limits: LIMITS,
  // A credential names one engine, and that is all of the region.
  regionOf: () => ZONE,
  homeRegionOf: () => ZONE,
  secretOf: (credential) => parse(dockerCredential, credential, 'docker').tlsSecretRef?.name,
  open: async (options) => {
    const { open } = await import('./session.ts');
    return await open(options);
  },
};
