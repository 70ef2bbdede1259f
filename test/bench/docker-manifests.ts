export interface NetworkWish {
  readonly replicas: number;
  /** Another text makes another revision. */
  readonly round?: string;
  /** Another name: a Network of small web servers without a balancer. */
  readonly name?: string;
}

export interface NetworkFacts extends NetworkWish {
  readonly name: string;
  readonly host: string;
  readonly images: Readonly<Record<'anvil' | 'haproxy' | 'httpd', string>>;
  readonly balancerPort: number;
}

const credential = (host: string) => ({
  apiVersion: 'peerage.dev/v1alpha1',
  kind: 'CloudCredential',
  metadata: { name: 'engine', namespace: 'default' },
  spec: { docker: { host } },
});

/** A credential, and a Network of Ethereum nodes, each with a chain of its own, so that an answer tells who gave it. */
export function network(facts: NetworkFacts): string {
  const { name, host, images, replicas } = facts;
  const object = {
    apiVersion: 'peerage.dev/v1alpha1',
    kind: 'Network',
    metadata: { name, namespace: 'default' },
    spec: {
      ...(name === 'crowd' ? crowd(images) : chain(facts)),
      placements: [
        {
          name: 'here',
          replicas,
          credentialRef: { name: 'engine' },
          docker: { haproxyImage: images.haproxy },
        },
      ],
    },
  };
  return [credential(host), object].map((one) => JSON.stringify(one)).join('\n---\n');
}

function chain({ images, balancerPort, round = '1' }: NetworkFacts) {
  return {
    client: {
      image: images.anvil,
      imagePullPolicy: 'Never',
      command: ['anvil', '--host', '0.0.0.0', '--chain-id', '10$(NODE_INDEX)'],
      env: [{ name: 'ROUND', value: round }],
      ports: [{ name: 'rpc', port: 8545 }],
      health: { jsonRpc: { port: 'rpc', method: 'eth_chainId' }, intervalSeconds: 5 },
    },
    balancer: {
      type: 'Application',
      internal: true,
      drainSeconds: 5,
      ports: [{ port: balancerPort, targetPort: 'rpc' }],
    },
  };
}

function crowd(images: NetworkFacts['images']) {
  return {
    client: { image: images.httpd, imagePullPolicy: 'Never', ports: [{ name: 'http', port: 8080 }] },
  };
}
