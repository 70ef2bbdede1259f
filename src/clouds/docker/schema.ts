/** What users write below `docker`: in a placement, in a Node and in a CloudCredential. */
import { z } from 'zod';

/** https://github.com/moby/moby/blob/master/daemon/names/names.go */
const OBJECT_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const publish = z.object({
  port: z
    .union([z.int(), z.string().max(15)])
    .meta({
      'x-kubernetes-validations': [
        {
          rule: "type(self) == int ? self >= 1 && self <= 65535 : self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')",
          message: 'must be the name of a port in client.ports, or a number from 1 to 65535',
        },
      ],
    })
    .describe('Port of the client: its name in `client.ports`, or its number.'),
  hostPort: z
    .int()
    .min(1)
    .max(65_535)
    .exactOptional()
    .describe(
      'Port of the host, which one node can have at a time: refused where `replicas` is more than 1. Absent: the engine assigns one, and `status` tells it.',
    ),
  hostIp: z
    .string()
    .regex(/^[0-9a-fA-F.:]+$/)
    .max(45)
    .default('127.0.0.1')
    .meta({ 'x-kubernetes-validations': [{ rule: 'isIP(self)', message: 'must be an IP address' }] })
    .describe('Address of the host that it is published at; `0.0.0.0` means all.'),
});

const volume = z.object({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
    .max(63)
    .describe('Name, unique among the volumes of a node.'),
  path: z
    .string()
    .regex(/^\/\S*[^/\s]$/)
    .max(1024)
    .describe('Where it is mounted in the container.'),
});

/** Further labels; the operator's own and the engine's are refused. */
const labels = z.record(z.string(), z.string().max(1024)).meta({
  maxProperties: 40,
  'x-kubernetes-validations': [
    {
      rule: "self.all(key, size(key) > 0 && size(key) <= 128 && !key.startsWith('peerage-') && !key.startsWith('com.docker.'))",
      message: 'a label key has 1 to 128 characters and does not begin with peerage- or com.docker.',
    },
  ],
});

/** `latest` would change under a running balancer. */
const HAPROXY_IMAGE = 'haproxy:3.2';

export const dockerPlacement = z
  .object({
    network: z
      .string()
      .regex(OBJECT_NAME)
      .max(128)
      .meta({
        'x-kubernetes-validations': [
          {
            rule: "!(self in ['bridge', 'host', 'none', 'default', 'ingress'])",
            message: 'must be a user-defined network',
          },
        ],
      })
      .exactOptional()
      .describe(
        'Name of an existing user-defined network to attach to. Absent: a bridge network is made, one for the Network on this engine.',
      ),
    publish: z
      .array(publish)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .exactOptional()
      .describe(
        'Ports of the client that the host publishes. Absent: none; others reach a node in its network.',
      ),
    volumes: z
      .array(volume)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .exactOptional()
      .describe('Named volumes, new for each node and removed with it.'),
    restartPolicy: z
      .enum(['Always', 'UnlessStopped', 'OnFailure', 'Never'])
      .default('Always')
      .describe(
        'When the engine starts a container again that has ended. One that it leaves ended is replaced by another node.',
      ),
    labels: labels.exactOptional().describe('Labels for everything the operator makes here.'),
    haproxyImage: z
      .string()
      .regex(/^\S+$/)
      .max(512)
      .default(HAPROXY_IMAGE)
      .describe(
        'Image of the balancer: HAProxy 2.4 or newer, with a shell. It is fetched with the logins of `client.imagePullSecret`.',
      ),
  })
  .meta({ description: 'Containers of one Docker engine, which the credential names.' });

export const dockerCredential = z
  .object({
    host: z
      .string()
      .regex(/^(unix:\/\/\/\S+|tcp:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5})$/)
      .max(253)
      .describe('Where the engine listens: `unix:///var/run/docker.sock` or `tcp://10.0.0.5:2376`.'),
    tlsSecretRef: z
      .object({ name: z.string().min(1).max(253).describe('Name of the Secret, in the same namespace.') })
      .exactOptional()
      .describe(
        'The Secret with the keys `ca.crt`, `tls.crt` and `tls.key`. Required by `tcp://`, except on this host itself.',
      ),
    address: z
      .string()
      .regex(/^[0-9A-Za-z._:-]+$/)
      .max(253)
      .exactOptional()
      .describe(
        'Address or name by which others reach the ports that the host publishes. Absent: that of `tcp://`, or `127.0.0.1`.',
      ),
  })
  .meta({
    description: 'Access to a Docker engine.',
    'x-kubernetes-validations': [
      {
        rule: "!self.host.startsWith('tcp://') || has(self.tlsSecretRef) || self.host.matches('^tcp://(localhost|127[.][0-9.]+|\\\\[::1\\\\]):')",
        fieldPath: '.tlsSecretRef',
        reason: 'FieldValueRequired',
        message: 'tlsSecretRef is required with tcp://: whoever reaches an engine without TLS owns its host',
      },
      {
        rule: "self.host.startsWith('tcp://') || !has(self.tlsSecretRef)",
        fieldPath: '.tlsSecretRef',
        reason: 'FieldValueForbidden',
        message: 'tlsSecretRef is used with tcp:// only',
      },
    ],
  });

/** A placement as read from the API server: defaults are in it. */
export type DockerPlacement = z.output<typeof dockerPlacement>;
export type DockerCredential = z.output<typeof dockerCredential>;
