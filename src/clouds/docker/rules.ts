/** What containers of an engine cannot be or have, told when it is applied. What gets past an older schema is refused later. */
import type { CloudRules } from '../cloud.ts';

const onDocker = 'self.placements.exists(p, has(p.docker))';
const publishes = (placement: string) => `has(${placement}.docker) && has(${placement}.docker.publish)`;
const fixesPort = (placement: string) =>
  `${publishes(placement)} && ${placement}.docker.publish.exists(o, has(o.hostPort))`;

const INIT = 'init prepares a machine, and a container has none of its own: put what it needs into the image';
const EGRESS = 'Docker has no rules for what containers may send';
const ONE_NODE = 'only one node can have a port of the host; leave hostPort out, and the engine assigns one';

/** The target port says what a port of the balancer speaks that says nothing itself. */
const spoken =
  "has(b.protocol) ? b.protocol in ['TCP', 'HTTP'] : !has(self.client.ports) || self.client.ports.all(c, c.name != b.targetPort || c.protocol == 'TCP')";

const UNKNOWN_PORT = 'publish names a port that client.ports does not have';
const TWICE = 'publish has the same hostPort twice, for one protocol at one address of the host';

/** A port that is no number is a name. */
const knowsPorts = (publish: string) =>
  `${publish}.all(o, type(o.port) == int || has(self.client.ports) && self.client.ports.exists(c, c.name == o.port))`;

/** One that `client.ports` does not have is a number, and for TCP. */
const isUdp = (published: string) =>
  `has(self.client.ports) && self.client.ports.exists(c, c.protocol == 'UDP' && (type(${published}.port) == int ? c.port == ${published}.port : c.name == ${published}.port))`;
const ALL_ADDRESSES = "['0.0.0.0', '::']";
const meets = `has(b.hostPort) && b.hostPort == a.hostPort && (b.hostIp == a.hostIp || a.hostIp in ${ALL_ADDRESSES} || b.hostIp in ${ALL_ADDRESSES})`;
/** Two branches cost what one does: the server counts the dearer. */
const sharesNoPort = (publish: string) =>
  `${publish}.all(a, !has(a.hostPort) || (${isUdp('a')} ? ${publish}.exists_one(b, ${meets} && ${isUdp('b')}) : ${publish}.exists_one(b, ${meets} && !(${isUdp('b')}))))`;

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
    {
      rule: `self.placements.all(p, !(${publishes('p')}) || ${knowsPorts('p.docker.publish')})`,
      fieldPath: '.placements',
      message: `docker.${UNKNOWN_PORT}`,
    },
    {
      rule: `self.placements.all(p, !(${publishes('p')}) || ${sharesNoPort('p.docker.publish')})`,
      fieldPath: '.placements',
      message: `docker.${TWICE}`,
    },
  ],
  node: [
    {
      rule: `!(${publishes('self')}) || ${knowsPorts('self.docker.publish')}`,
      fieldPath: '.docker.publish',
      message: UNKNOWN_PORT,
    },
    {
      rule: `!(${publishes('self')}) || ${sharesNoPort('self.docker.publish')}`,
      fieldPath: '.docker.publish',
      message: TWICE,
    },
    { rule: '!has(self.init) || !has(self.docker)', fieldPath: '.init', message: INIT },
    {
      rule: '!has(self.security) || !has(self.security.egress) || !has(self.docker)',
      fieldPath: '.security.egress',
      message: EGRESS,
    },
  ],
};
