/** What containers of an engine cannot be or have, told when it is applied. What gets past an older schema is refused later. */
import type { CloudRules } from '../cloud.ts';

const onDocker = 'self.placements.exists(p, has(p.docker))';
const fixesPort = (placement: string) =>
  `has(${placement}.docker) && has(${placement}.docker.publish) && ${placement}.docker.publish.exists(o, has(o.hostPort))`;

const INIT = 'init prepares a machine, and a container has none of its own: put what it needs into the image';
const EGRESS = 'Docker has no rules for what containers may send';
const ONE_NODE = 'only one node can have a port of the host; leave hostPort out, and the engine assigns one';

/** The target port says what a port of the balancer speaks that says nothing itself. */
const spoken =
  "has(b.protocol) ? b.protocol in ['TCP', 'HTTP'] : !has(self.client.ports) || self.client.ports.all(c, c.name != b.targetPort || c.protocol == 'TCP')";

export const dockerRules: CloudRules = {
  placement: [
    {
      rule: `!(${fixesPort('self')}) || self.replicas <= 1`,
      fieldPath: '.docker.publish',
      message: `replicas is more than 1, and ${ONE_NODE}`,
    },
  ],
  network: [
    { rule: `!has(self.init) || !${onDocker}`, fieldPath: '.init', message: INIT },
    {
      rule: `!has(self.security) || !has(self.security.egress) || !${onDocker}`,
      fieldPath: '.security.egress',
      message: `${EGRESS}, and a placement is on it`,
    },
    {
      rule: `!has(self.balancer) || !${onDocker} || self.balancer.ports.all(b, ${spoken})`,
      fieldPath: '.balancer.ports',
      message: 'a balancer on Docker speaks TCP and HTTP only, and a placement is on it',
    },
    {
      rule: `!has(self.balancer) || self.balancer.scope == 'Region' || self.placements.all(p, !has(p.docker) || p.replicas == 0 || self.placements.exists_one(q, has(q.docker) && q.replicas > 0 && q.credentialRef == p.credentialRef))`,
      fieldPath: '.balancer.scope',
      message:
        'two placements are on the same engine, where only one balancer can have a port: share one with scope Region',
    },
    // More of them than placements: some placement gets two.
    {
      rule: `!has(self.replicas) || self.replicas <= size(self.placements) || self.placements.exists(p, !(${fixesPort('p')}))`,
      fieldPath: '.replicas',
      message: `more than one node for each placement, and ${ONE_NODE}`,
    },
    {
      rule: `self.placements.all(p, !(${fixesPort('p')}) || p.replicas == 0 || p.docker.publish.all(o, !has(o.hostPort) || self.placements.exists_one(q, q.credentialRef == p.credentialRef && q.replicas > 0 && has(q.docker) && has(q.docker.publish) && q.docker.publish.exists(r, has(r.hostPort) && r.hostPort == o.hostPort))))`,
      fieldPath: '.placements',
      message:
        'two placements publish the same hostPort on the same engine, where only one container can have it',
    },
  ],
  node: [
    { rule: '!has(self.init) || !has(self.docker)', fieldPath: '.init', message: INIT },
    {
      rule: '!has(self.security) || !has(self.security.egress) || !has(self.docker)',
      fieldPath: '.security.egress',
      message: EGRESS,
    },
  ],
};
