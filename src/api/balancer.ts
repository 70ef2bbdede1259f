/** `balancer`: one in front of the nodes of each placement, or of each region. */
import { z } from 'zod';
import { CLOUDS_WITH_CERTIFICATES } from './cloud-member.ts';
import { portName, portNumber } from './common.ts';
import { cidrs } from './security.ts';

const port = z
  .object({
    port: portNumber.describe('Where clients connect.'),
    targetPort: portName.describe('Name of the port in `client.ports` that answers.'),
    protocol: z
      .enum(['TCP', 'UDP', 'TLS', 'HTTP', 'HTTPS'])
      .exactOptional()
      .describe(
        'What clients speak: `TCP`, `UDP` or `TLS` to a network balancer, `HTTP` or `HTTPS` to an application balancer. Absent: the protocol of the target port, or `HTTP`.',
      ),
    certificateArn: z
      .string()
      .regex(/^arn:\S+$/)
      .max(2048)
      .exactOptional()
      .describe(
        'ARN of the certificate that clients are shown. `TLS` and `HTTPS` need one, here or in `certificates` of every placement; refused otherwise.',
      ),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "!has(self.certificateArn) || has(self.protocol) && self.protocol in ['TLS', 'HTTPS']",
        fieldPath: '.certificateArn',
        reason: 'FieldValueForbidden',
        message: 'only TLS and HTTPS have a certificate',
      },
    ],
  });

/** One port can carry TCP and UDP, but not TCP and TLS. */
const isUdp = (name: string) => `(has(${name}.protocol) && ${name}.protocol == 'UDP')`;

export const balancer = z
  .object({
    type: z
      .enum(['Network', 'Application'])
      .describe('`Network` passes connections on; `Application` understands HTTP.'),
    scope: z
      .enum(['Placement', 'Region'])
      .default('Placement')
      .describe(
        'Who shares one. `Placement`: each placement has its own. `Region`: all placements in the same region of the same account have one together, or all on the same Docker engine; they have to be in one network there. When it changes, the new balancer serves before the old one goes, except on Docker, where both would need the same ports.',
      ),
    ports: z
      .array(port)
      .min(1)
      .max(50)
      .meta({
        'x-kubernetes-list-type': 'atomic',
        'x-kubernetes-validations': [
          {
            rule: `self.all(a, self.exists_one(b, a.port == b.port && ${isUdp('a')} == ${isUdp('b')}))`,
            message: 'a port can be listed once for each transport protocol',
          },
        ],
      })
      .describe('Ports that clients connect to.'),
    internal: z.boolean().default(false).describe('Whether it has private addresses only.'),
    crossZone: z
      .boolean()
      .default(false)
      .describe('Whether a zone of a network balancer also serves nodes of the other zones.'),
    sourceRanges: cidrs.default(['0.0.0.0/0']).describe('Networks that may connect.'),
    drainSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(30)
      .describe('How long open connections may go on after their node left the balancer.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "self.type != 'Application' || self.ports.all(p, !has(p.protocol) || p.protocol in ['HTTP', 'HTTPS'])",
        fieldPath: '.ports',
        message: 'an application balancer speaks HTTP and HTTPS only',
      },
      {
        rule: "self.type != 'Network' || self.ports.all(p, !has(p.protocol) || p.protocol in ['TCP', 'UDP', 'TLS'])",
        fieldPath: '.ports',
        message: 'a network balancer speaks TCP, UDP and TLS only',
      },
    ],
  });

const isSecure = (name: string) => `has(${name}.protocol) && ${name}.protocol in ['TLS', 'HTTPS']`;
const listsCertificates = (cloud: string) => `has(p.${cloud}) && has(p.${cloud}.certificates)`;
const ownCertificates = CLOUDS_WITH_CERTIFICATES.map(
  (cloud) => `${listsCertificates(cloud)} && p.${cloud}.certificates.exists(c, c.port == b.port)`,
);

/** CEL for the object that holds `client`, `placements` and `balancer`. */
export const balancerPorts = [
  {
    rule: `!has(self.balancer) || self.balancer.ports.all(b, !(${isSecure('b')}) || has(b.certificateArn) || self.placements.all(p, ${[...ownCertificates.map((own) => `(${own})`), 'false'].join(' || ')}))`,
    fieldPath: '.balancer.ports',
    message: `TLS and HTTPS need a certificate: in certificateArn, or in certificates of every placement`,
  },
  ...CLOUDS_WITH_CERTIFICATES.map((cloud) => ({
    rule: `self.placements.all(p, !(${listsCertificates(cloud)}) || has(self.balancer) && p.${cloud}.certificates.all(c, self.balancer.ports.exists(b, b.port == c.port && ${isSecure('b')})))`,
    fieldPath: '.placements',
    message: `a port in ${cloud}.certificates is no TLS or HTTPS port of the balancer`,
  })),
  {
    rule: "!has(self.balancer) || has(self.client.ports) && self.client.ports.exists(p, p.protocol == 'TCP')",
    fieldPath: '.balancer',
    message: 'a balancer needs a TCP port in client.ports, by which it sees that a node is healthy',
  },
  {
    rule: '!has(self.balancer) || has(self.client.ports) && self.balancer.ports.all(b, self.client.ports.exists(p, p.name == b.targetPort))',
    fieldPath: '.balancer.ports',
    message: 'a targetPort is not the name of a port in client.ports',
    messageExpression:
      "'targetPort ' + self.balancer.ports.map(b, b.targetPort).filter(t, !has(self.client.ports) || !self.client.ports.exists(p, p.name == t))[0] + ' is not the name of a port in client.ports'",
  },
  {
    rule: "!has(self.balancer) || !has(self.client.ports) || self.balancer.ports.all(b, !has(b.protocol) || self.client.ports.all(p, p.name != b.targetPort || (p.protocol == 'UDP') == (b.protocol == 'UDP')))",
    fieldPath: '.balancer.ports',
    message: 'a port and its target port must both speak UDP or neither',
  },
  {
    rule: "!has(self.balancer) || self.balancer.type != 'Application' || !has(self.client.ports) || self.balancer.ports.all(b, self.client.ports.all(p, p.name != b.targetPort || p.protocol == 'TCP'))",
    fieldPath: '.balancer.ports',
    message: 'the target port of an application balancer must speak TCP',
  },
];
