/** `gateway`: one in front of the balancers of all placements, in the cluster itself. */
import { z } from 'zod';
import { type DeepReadonly, portNumber } from './common.ts';
import { json, jsonRpcCall } from './json-rpc.ts';

const port = z.object({
  port: portNumber.describe('Where clients connect.'),
  balancerPort: portNumber
    .exactOptional()
    .describe('Port in `balancer.ports` that it passes on to. Absent: the same.'),
  protocol: z
    .enum(['TCP', 'HTTP'])
    .exactOptional()
    .describe(
      '`HTTP` shares out single requests and lets WebSockets through, `TCP` whole connections. Absent: `HTTP` where the balancer speaks HTTP, or TCP to a port that `client.health` asks by HTTP or JSON-RPC; else `TCP`, which is also how TLS and HTTPS pass through.',
    ),
});

const { port: _, ...call } = jsonRpcCall;

const check = z
  .object({
    tcp: z.object({}).exactOptional().describe('Healthy when a connection opens.'),
    http: z
      .object({
        path: z
          .string()
          .regex(/^\/\S*$/)
          .max(1024)
          .default('/')
          .describe('Path to ask for.'),
        status: z.int().min(200).max(499).default(200).describe('Status code that means healthy.'),
      })
      .exactOptional()
      .describe('Healthy when a request is answered with the given status.'),
    jsonRpc: z
      .object({
        ...call,
        result: json
          .exactOptional()
          .describe(
            'What the `result` of the answer has to be. Absent: anything, if it is no error. Members of an object are expected in the order given.',
          ),
      })
      .exactOptional()
      .describe('Healthy when a JSON-RPC call is answered with the given result.'),
    intervalSeconds: z.int().min(1).max(300).default(5).describe('Time between two checks.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '[has(self.tcp), has(self.http), has(self.jsonRpc)].exists_one(set, set)',
        message: 'set exactly one of tcp, http and jsonRpc',
      },
    ],
  });

const service = z.object({
  type: z
    .enum(['ClusterIP', 'LoadBalancer', 'NodePort'])
    .default('ClusterIP')
    .describe('How it is reached: from inside the cluster, or from outside as well.'),
  annotations: z
    .record(z.string(), z.string().max(4096))
    .exactOptional()
    .describe('Annotations of the Service, by which clusters let choose their load balancers.'),
});

export const gateway = z.object({
  algorithm: z
    .enum(['RoundRobin', 'LeastConnections', 'Weighted', 'Random', 'Source', 'First'])
    .default('RoundRobin')
    .describe(
      'Who is next. `RoundRobin`: each region in turn, and within a region each of its placements. `LeastConnections`: who has the fewest connections. `Weighted`: by the number of Ready nodes. `Random`: the less busy of two drawn by lot. `Source`: always the same for the same client address. `First`: the first placement that is healthy, in the order of `placements`.',
    ),
  replicas: z.int().min(1).max(50).default(2).describe('Number of Pods.'),
  image: z
    .string()
    .regex(/^\S+$/)
    .max(512)
    .default('haproxy:3.2')
    .describe(
      'Image with an HAProxy of version 2.4.13 or newer that ends by SIGUSR1, as the official ones do.',
    ),
  service: service.default({ type: 'ClusterIP' }).describe('Service in front of the Pods.'),
  ports: z
    .array(port)
    .min(1)
    .max(50)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port'] })
    .exactOptional()
    .describe('Ports that clients connect to. Absent: those of the balancer, without UDP.'),
  check: check
    .exactOptional()
    .describe(
      'When a placement is healthy: what its balancer answers. Absent: as `client.health` says, if the balancer has a port for it, or else when a connection opens.',
    ),
});
export type Gateway = DeepReadonly<z.output<typeof gateway>>;

const balancerPortOf = '(has(g.balancerPort) ? g.balancerPort : g.port)';
const speaks = (protocols: string) => `(has(b.protocol) && b.protocol in [${protocols}])`;

/** CEL for the object that holds `balancer` and `gateway`. */
export const gatewayPorts = [
  {
    rule: '!has(self.gateway) || has(self.balancer)',
    fieldPath: '.gateway',
    message: 'needs a balancer in each placement, to which it passes on',
  },
  {
    rule: `!has(self.gateway) || !has(self.balancer) || has(self.gateway.ports) || self.balancer.ports.exists(b, !${speaks("'UDP'")})`,
    fieldPath: '.gateway',
    message: 'the balancer has no port but for UDP, which a gateway does not pass on',
  },
  {
    rule: `!has(self.gateway) || !has(self.balancer) || !has(self.gateway.ports) || self.gateway.ports.all(g, self.balancer.ports.exists(b, b.port == ${balancerPortOf} && !${speaks("'UDP'")}))`,
    fieldPath: '.gateway.ports',
    message: 'a balancerPort is not a port in balancer.ports that speaks TCP',
  },
  {
    rule: `!has(self.gateway) || !has(self.balancer) || !has(self.gateway.ports) || self.gateway.ports.all(g, !has(g.protocol) || g.protocol != 'HTTP' || !self.balancer.ports.exists(b, b.port == ${balancerPortOf} && ${speaks("'TLS', 'HTTPS'")}))`,
    fieldPath: '.gateway.ports',
    message: 'TLS and HTTPS of the balancer pass through by protocol: TCP',
  },
];
