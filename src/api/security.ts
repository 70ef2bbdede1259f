/** `security`: who may reach the nodes, and whom they may reach. */
import { z } from 'zod';
import { type DeepReadonly, portName, portNumber } from './common.ts';

/** IPv4 or IPv6. Host bits must be zero: clouds would cut them off and then show another rule than was asked for. */
const cidr = z
  .string()
  .max(43)
  .meta({
    'x-kubernetes-validations': [
      { rule: 'isCIDR(self)', message: 'must be a network in CIDR notation: 10.0.0.0/8 or 2001:db8::/32' },
      {
        rule: '!isCIDR(self) || cidr(self) == cidr(self).masked()',
        message: 'has bits set behind its prefix: write the first address of the network',
      },
    ],
  });

export const cidrs = z.array(cidr).min(1).max(64).meta({ 'x-kubernetes-list-type': 'set' });

const what = {
  ports: z
    .array(portName)
    .min(1)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'set' })
    .exactOptional()
    .describe('Names of ports in `client.ports`, each with its own protocol.'),
  portRange: z
    .object({
      from: portNumber.describe('First port.'),
      to: portNumber.describe('Last port.'),
    })
    .meta({
      'x-kubernetes-validations': [
        { rule: 'self.from <= self.to', fieldPath: '.to', message: 'must not be below from' },
      ],
    })
    .exactOptional()
    .describe('Ports by number. Needs `protocol: TCP` or `UDP`.'),
  protocol: z
    .enum(['TCP', 'UDP', 'ICMP', 'All'])
    .exactOptional()
    .describe('Protocol of `portRange`, or, without ports, `ICMP` or `All`.'),
};

const rules = {
  'x-kubernetes-validations': [
    {
      rule: '!has(self.ports) || !has(self.portRange) && !has(self.protocol)',
      fieldPath: '.ports',
      message: 'named ports come with their protocol: set no portRange and no protocol beside them',
    },
    {
      rule: "!has(self.portRange) || has(self.protocol) && self.protocol in ['TCP', 'UDP']",
      fieldPath: '.portRange',
      message: 'needs protocol: TCP or protocol: UDP',
    },
    {
      rule: "has(self.ports) || has(self.portRange) || has(self.protocol) && self.protocol in ['ICMP', 'All']",
      message: 'set ports, or portRange with a protocol, or protocol: ICMP, or protocol: All',
    },
  ],
};

const ingress = z.object({ ...what, from: cidrs.describe('Networks that may connect.') }).meta(rules);
const egress = z.object({ ...what, to: cidrs.describe('Networks that may be reached.') }).meta(rules);

export const security = z.object({
  ingress: z
    .array(ingress)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .exactOptional()
    .describe('What may come in, beside what the balancer needs. Absent: nothing.'),
  egress: z
    .array(egress)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .exactOptional()
    .describe('What may go out. Absent: everything. An empty list: nothing.'),
});
export type Security = DeepReadonly<z.output<typeof security>>;

/** CEL for the object that holds `client` and `security`: every port that a rule names is declared. */
export const securityPorts = (['ingress', 'egress'] as const).map((side) => ({
  rule: `!has(self.security) || !has(self.security.${side}) || self.security.${side}.all(r, !has(r.ports) || has(self.client.ports) && r.ports.all(n, self.client.ports.exists(p, p.name == n)))`,
  fieldPath: `.security.${side}`,
  message: 'a rule names a port that is not in client.ports',
}));
