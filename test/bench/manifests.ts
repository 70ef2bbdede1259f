export const namespace = 'default';
export const networkName = 'bench';

/** A credential, and one Network with all its Nodes in one placement over the six zones of us-east-1. */
export function manifests(nodes: number): string {
  const credential = [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'aws-keys', namespace },
      stringData: { aws_access_key_id: 'AKIAIOSFODNN7EXAMPLE', aws_secret_access_key: 'bench' },
    },
    {
      apiVersion: 'peerage.dev/v1alpha1',
      kind: 'CloudCredential',
      metadata: { name: 'aws', namespace },
      spec: { aws: { source: 'Secret', secretRef: { name: 'aws-keys' } } },
    },
  ];
  const network = {
    apiVersion: 'peerage.dev/v1alpha1',
    kind: 'Network',
    metadata: { name: networkName, namespace },
    spec: {
      client: {
        image: 'ghcr.io/foundry-rs/foundry:v1.7.1',
        command: ['anvil', '--host', '0.0.0.0'],
        ports: [
          { name: 'rpc', port: 8545 },
          { name: 'p2p', port: 30303 },
        ],
      },
      placements: [
        {
          name: 'virginia',
          replicas: nodes,
          credentialRef: { name: 'aws' },
          aws: { region: 'us-east-1', instanceType: 't3.small' },
        },
      ],
      balancer: { type: 'Network', crossZone: false, ports: [{ port: 8545, targetPort: 'rpc' }] },
      security: { ingress: [{ ports: ['p2p'], from: ['0.0.0.0/0'] }] },
    },
  };
  return [...credential, network].map((object) => JSON.stringify(object)).join('\n---\n');
}
