/** `peering`: how nodes find each other. */
import { z } from 'zod';
import type { DeepReadonly } from './common.ts';
import { jsonRpcCall } from './json-rpc.ts';

const jsonRpc = z.object({
  ...jsonRpcCall,
  resultPath: z
    .string()
    .max(256)
    .default('')
    .describe(
      'Where in the `result` of the answer the text stands, names and positions with dots between them: `enode`, `node_info.id`, `addresses.0`. Absent: the result is the text.',
    ),
});

const address = z
  .object({
    template: z
      .string()
      .min(1)
      .max(1024)
      .exactOptional()
      .describe(
        'Text in which `$(ADDRESS)`, `$(PRIVATE_ADDRESS)`, `$(PUBLIC_ADDRESS)`, `$(NODE_NAME)` and `$(PORT_name)` for each port in `client.ports` stand for what they say: `$(ADDRESS):$(PORT_p2p)`. `$(ADDRESS)` is the private address for nodes of the same placement and the public one for all others, and a port is the one it is reached by there.',
      ),
    jsonRpc: jsonRpc
      .exactOptional()
      .describe(
        'Call that a node answers with its own address, such as `enode://id@127.0.0.1:30303`: host and port in it give way to those it is reached by. With a template the text found is `$(RESULT)` in it, as it is. The operator makes the call, so it has to reach the node.',
      ),
  })
  .meta({
    'x-kubernetes-validations': [
      { rule: 'has(self.template) || has(self.jsonRpc)', message: 'set template, jsonRpc, or both' },
    ],
  });

export const peering = z.object({
  bootnodes: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe(
      'Number of boot nodes. The oldest nodes are elected and start before the others. A boot node stays one as long as its machine lives; then the node with the next-oldest machine takes its place.',
    ),
  address: address.describe('Address by which a node is known to its peers.'),
  startTimeoutSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .default(300)
    .describe(
      'How long a new node waits for the addresses of all boot nodes, and a boot node for that of any other. After that it starts with those that are known. While none is known a boot node starts all the same, and any other node goes on waiting: it would be a network of its own.',
    ),
});
export type Peering = DeepReadonly<z.output<typeof peering>>;

/** `$$` is no variable: it stands for a dollar sign. */
const KNOWN = "['$$', '$(ADDRESS)', '$(PRIVATE_ADDRESS)', '$(PUBLIC_ADDRESS)', '$(NODE_NAME)']";

/** CEL for the object that holds `client` and `peering`. */
export const peeringPorts = [
  {
    rule: "!has(self.peering) || !has(self.peering.address.jsonRpc) || has(self.client.ports) && self.client.ports.exists(p, p.name == self.peering.address.jsonRpc.port && p.protocol == 'TCP')",
    fieldPath: '.peering.address.jsonRpc.port',
    message: 'must be the name of a TCP port in client.ports',
  },
  {
    rule: `!has(self.peering) || !has(self.peering.address.template) || self.peering.address.template.findAll('[$]([$]|[(][^)]*[)])').all(v, v in ${KNOWN} || v == '$(RESULT)' && has(self.peering.address.jsonRpc) || has(self.client.ports) && self.client.ports.exists(p, v == '$(PORT_' + p.name + ')'))`,
    fieldPath: '.peering.address.template',
    message:
      'refers to a variable that has no value: known are $(ADDRESS), $(PRIVATE_ADDRESS), $(PUBLIC_ADDRESS), $(NODE_NAME), $(PORT_name) for each port in client.ports, and with jsonRpc $(RESULT)',
  },
];
