/** `client`: the program that runs on every node. */
import { z } from 'zod';
import { type DeepReadonly, portName, portNumber } from './common.ts';
import { json, jsonRpcCall } from './json-rpc.ts';

const secretKeyRef = z.object({
  name: z.string().min(1).max(253).describe('Name of the Secret, in the same namespace.'),
  key: z
    .string()
    .regex(/^[-._a-zA-Z0-9]+$/)
    .max(253)
    .describe('Key in the Secret.'),
});

const variable = z
  .object({
    name: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/)
      .max(128)
      .describe('Name of the variable.'),
    value: z.string().max(16_384).exactOptional().describe('Its value, with `$(NAME)` expanded.'),
    valueFrom: z
      .object({ secretKeyRef: secretKeyRef.describe('A key of a Secret.') })
      .exactOptional()
      .describe('Where its value stands. See `secretDelivery`.'),
  })
  .meta({
    'x-kubernetes-validations': [
      { rule: 'has(self.value) != has(self.valueFrom)', message: 'set exactly one of value and valueFrom' },
    ],
  });

const file = z
  .object({
    path: z
      .string()
      .regex(/^\/[^:\s]+$/)
      .max(512)
      .describe('Absolute path in the container. The client can read it and nothing else.'),
    content: z.string().max(65_536).exactOptional().describe('Its text, with `$(NAME)` expanded.'),
    valueFrom: z
      .object({ secretKeyRef: secretKeyRef.describe('A key of a Secret.') })
      .exactOptional()
      .describe('Where its text stands, which is taken as it is. See `secretDelivery`.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.content) != has(self.valueFrom)',
        message: 'set exactly one of content and valueFrom',
      },
      {
        rule: "self.path.split('/').filter(part, part in ['', '.', '..']).size() <= 1",
        fieldPath: '.path',
        message: 'has an empty part, or one that is . or ..',
      },
    ],
  });

const port = z.object({
  name: portName.describe('Name that other fields refer to.'),
  port: portNumber.describe('Where the client listens.'),
  protocol: z.enum(['TCP', 'UDP']).default('TCP').describe('Transport protocol.'),
});

/** As in a Pod; numbers are read as the strings they stand for. */
const quantity = z
  .union([z.int(), z.string().max(32)])
  .transform(String)
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'type(self) == int ? self > 0 : isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity("0"))',
        message: 'must be a quantity above zero: 500m, 2, 512Mi',
      },
    ],
  });

const health = z
  .object({
    tcp: z
      .object({ port: portName.describe('Name of the port to connect to.') })
      .exactOptional()
      .describe('Healthy when a connection opens.'),
    http: z
      .object({
        port: portName.describe('Name of the port to ask.'),
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
        ...jsonRpcCall,
        result: json
          .exactOptional()
          .describe(
            'What the `result` of the answer has to be: `false`, `"0x1"`. Absent: anything, if it is no error. A null in it may get lost on the way to the API server.',
          ),
      })
      .exactOptional()
      .describe(
        'Healthy when a JSON-RPC call is answered with the given result. A balancer that cannot make one checks that a connection opens.',
      ),
    intervalSeconds: z.int().min(5).max(300).default(10).describe('Time between two checks.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '[has(self.tcp), has(self.http), has(self.jsonRpc)].exists_one(set, set)',
        message: 'set exactly one of tcp, http and jsonRpc',
      },
    ],
  });

/** CEL: the port a health check names is declared and speaks TCP. */
const healthPort = (check: 'tcp' | 'http' | 'jsonRpc') => ({
  rule: `!has(self.health) || !has(self.health.${check}) || has(self.ports) && self.ports.exists(p, p.name == self.health.${check}.port && p.protocol == 'TCP')`,
  fieldPath: `.health.${check}.port`,
  message: 'must be the name of a TCP port in client.ports',
});

export const client = z
  .object({
    image: z
      .string()
      .regex(/^\S+$/)
      .max(512)
      .describe('Container image: `ghcr.io/foundry-rs/foundry:v1.7.1`.'),
    imagePullPolicy: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .default('IfNotPresent')
      .describe(
        'When the image is fetched: each time the client starts, when the machine does not have it, or not at all. Unlike in a Pod it does not depend on the tag.',
      ),
    imagePullSecret: z
      .object({ name: z.string().min(1).max(253).describe('Name of the Secret, in the same namespace.') })
      .exactOptional()
      .describe(
        'Secret of type `kubernetes.io/dockerconfigjson` with the logins of registries. See `secretDelivery`.',
      ),
    command: z
      .array(z.string().max(4096))
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .exactOptional()
      .describe(
        "Program and first arguments, in place of the image's entry point. No shell is involved. `$(NAME)` stands for a variable of `env`, for `$(NODE_NAME)`, for `$(NODE_INDEX)` in its placement, and with `peering` for `$(BOOTNODES)` and `$(PEERS)`, which have commas between them; `$$(NAME)` is `$(NAME)`. What has no value stays as it is. A value out of a Secret is put into `env` and `files` alone.",
      ),
    args: z
      .array(z.string().max(4096))
      .max(256)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .exactOptional()
      .describe("Arguments, in place of the image's own, expanded as `command` is."),
    env: z
      .array(variable)
      .max(128)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .exactOptional()
      .describe('Environment variables. A value can refer to the variables before it.'),
    files: z
      .array(file)
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['path'] })
      .exactOptional()
      .describe('Files in the container.'),
    ports: z
      .array(port)
      .max(32)
      .meta({
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        'x-kubernetes-validations': [
          {
            rule: 'self.all(a, self.exists_one(b, a.port == b.port && a.protocol == b.protocol))',
            message: 'a port can be listed once for each protocol',
          },
        ],
      })
      .exactOptional()
      .describe('Ports the client listens on. Nothing is open that `security` or `balancer` does not name.'),
    resources: z
      .object({
        cpu: quantity.exactOptional().describe('CPUs: `500m`, `2`.'),
        memory: quantity.exactOptional().describe('Memory: `512Mi`, `4Gi`.'),
      })
      .exactOptional()
      .describe('Most that the client may take of its machine. Absent: all of it.'),
    health: health
      .exactOptional()
      .describe(
        'When a node counts as healthy, for the operator and for its balancer. On Docker the container has it as its health check as well, as far as the tools in the image go, for `docker ps` and nothing else. Absent: in its balancer when the port behind that opens.',
      ),
  })
  .meta({ 'x-kubernetes-validations': [healthPort('tcp'), healthPort('http'), healthPort('jsonRpc')] });

export type Client = DeepReadonly<z.output<typeof client>>;
