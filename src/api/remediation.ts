/** `remediation`: what becomes of nodes that stay unhealthy. */
import { z } from 'zod';
import type { DeepReadonly } from './common.ts';

export const remediation = z.object({
  afterSeconds: z
    .int()
    .min(10)
    .max(86_400)
    .default(300)
    .describe('How long a node is unhealthy before it is replaced.'),
  maxUnhealthy: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe(
      'Most nodes that are replaced at a time. Nothing is replaced while more than half of the nodes are unhealthy: then something else is wrong, and the Network is Stalled until fewer are.',
    ),
});
export type Remediation = DeepReadonly<z.output<typeof remediation>>;

/** CEL for the object that holds `client`, `balancer` and `remediation`. */
export const remediationHealth = [
  {
    rule: '!has(self.remediation) || has(self.client.health) || has(self.balancer)',
    fieldPath: '.remediation',
    message: 'needs client.health or a balancer, by which a node is seen to be unhealthy',
  },
];
