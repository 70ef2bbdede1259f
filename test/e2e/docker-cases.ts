/** What a `docker` member is refused for, in the words of the server. */
import type { Refusal } from './api-cases.ts';

const placement = 'spec.placements.0';
const where = 'spec.placements[0].docker';

const inPlacement = (rule: string, docker: object, field: string, words: string): Refusal => [
  rule,
  { [`${placement}.aws`]: undefined, [`${placement}.docker`]: docker },
  `${where}.${field}`,
  words,
];

/** Beside it stands another placement, which is on AWS. */
const onDocker = { [`${placement}.aws`]: undefined, [`${placement}.docker`]: {} };
const besideDocker = (rule: string, changes: object, field: string, words: string): Refusal => [
  rule,
  { ...onDocker, ...changes },
  field,
  words,
];
const fixed = { publish: [{ port: 'p2p' }, { port: 'rpc', hostPort: 8545 }] };
const onEngine = (name: string, docker: object = fixed) => ({
  name,
  credentialRef: { name: 'engine' },
  docker,
});

const volumes = [
  { name: 'data', path: '/data' },
  { name: 'data', path: '/more' },
];

const twice: readonly (readonly [how: string, publish: readonly object[]])[] = [
  [
    'by two names',
    [
      { port: 'rpc', hostPort: 8545 },
      { port: 'p2p', hostPort: 8545 },
    ],
  ],
  [
    'by name and number',
    [
      { port: 'disc', hostPort: 30303 },
      { port: 'p2p', hostPort: 30303 },
      { port: 8545, hostPort: 30303 },
    ],
  ],
  [
    'at one address and at all',
    [
      { port: 'rpc', hostPort: 8545 },
      { port: 'p2p', hostPort: 8545, hostIp: '0.0.0.0' },
    ],
  ],
];

export const dockerRefusals: readonly Refusal[] = [
  inPlacement("Docker's own bridge", { network: 'bridge' }, 'network', 'a user-defined network'),
  inPlacement('a network that cannot be named so', { network: 'a b' }, 'network', 'match'),
  inPlacement(
    'a port that is none',
    { publish: [{ port: 70_000 }] },
    'publish[0].port',
    'must be the name of a port in client.ports, or a number from 1 to 65535',
  ),
  inPlacement(
    'an address that is none',
    { publish: [{ port: 'rpc', hostIp: '1.2.3' }] },
    'publish[0].hostIp',
    'must be an IP address',
  ),
  inPlacement(
    'a port that no host has',
    { publish: [{ port: 'rpc', hostPort: 0 }] },
    'publish[0].hostPort',
    '1',
  ),
  inPlacement('two volumes of one name', { volumes }, 'volumes[1]', 'Duplicate'),
  inPlacement('a volume nowhere', { volumes: [{ name: 'data', path: 'data' }] }, 'volumes[0].path', 'match'),
  inPlacement('a restart policy', { restartPolicy: 'Sometimes' }, 'restartPolicy', 'supported values'),
  inPlacement(
    'a label of ours',
    { labels: { 'peerage-cluster': 'mine' } },
    'labels',
    'does not begin with peerage- or com.docker.',
  ),
  besideDocker(
    'lines of shell for a container',
    { 'spec.init': 'true' },
    'spec.init',
    'put what it needs into',
  ),
  besideDocker(
    'rules for what a container sends',
    { 'spec.security.egress': [{ ports: ['p2p'], to: ['10.0.0.0/8'] }] },
    'spec.security.egress',
    'Docker has no rules for what containers may send',
  ),
  besideDocker(
    'a balancer on Docker that ends TLS',
    {
      'spec.balancer.ports.0.protocol': 'TLS',
      'spec.balancer.ports.0.certificateArn': 'arn:aws:acm:us-east-1:123456789012:certificate/x',
    },
    'spec.balancer.ports',
    'a balancer on Docker speaks TCP and HTTP only',
  ),
  besideDocker(
    'a balancer on Docker for datagrams',
    { 'spec.balancer.ports.1': { port: 53, targetPort: 'disc' } },
    'spec.balancer.ports',
    'a balancer on Docker speaks TCP and HTTP only',
  ),
  besideDocker(
    'two nodes with one port of the host',
    { [`${placement}.docker`]: fixed, [`${placement}.replicas`]: 2 },
    `${where}.publish`,
    'replicas is more than 1, and only one node can have a port of the host',
  ),
  [
    'more replicas than ports of hosts',
    { 'spec.balancer': undefined, 'spec.placements': [onEngine('a')], 'spec.replicas': 2 },
    'spec.replicas',
    'more than one node for each placement',
  ],
  [
    'two balancers with one port of the same host',
    { 'spec.placements': [onEngine('a', {}), onEngine('b', {})] },
    'spec.balancer.scope',
    'two placements are on the same engine',
  ],
  [
    'two placements with one port of the same host',
    { 'spec.balancer': undefined, 'spec.placements': [onEngine('a'), onEngine('b')] },
    'spec.placements',
    'two placements publish the same hostPort on the same engine',
  ],
  besideDocker(
    'a published port of no name in client.ports',
    { [`${placement}.docker`]: { publish: [{ port: 'p2p' }, { port: 'foo' }] } },
    'spec.placements',
    'docker.publish names a port that client.ports does not have',
  ),
  ...twice.map(([how, publish]) =>
    besideDocker(
      `a port of the host twice in one placement, ${how}`,
      { [`${placement}.docker`]: { publish } },
      'spec.placements',
      'docker.publish has the same hostPort twice',
    ),
  ),
];

const onNode = { 'spec.aws': undefined, 'spec.docker': {} };

export const dockerNodeRefusals: readonly Refusal[] = [
  [
    'lines of shell for a container',
    { ...onNode, 'spec.init': 'true' },
    'spec.init',
    'put what it needs into',
  ],
  [
    'rules for what a container sends',
    { ...onNode, 'spec.security': { egress: [{ ports: ['p2p'], to: ['10.0.0.0/8'] }] } },
    'spec.security.egress',
    'Docker has no rules for what containers may send',
  ],
  [
    'a published port of no name in client.ports',
    { 'spec.aws': undefined, 'spec.docker': { publish: [{ port: 'foo' }] } },
    'spec.docker.publish',
    'publish names a port that client.ports does not have',
  ],
  ...twice.map(
    ([how, publish]): Refusal => [
      `a port of the host twice, ${how}`,
      { 'spec.aws': undefined, 'spec.docker': { publish } },
      'spec.docker.publish',
      'publish has the same hostPort twice',
    ],
  ),
];

const inCredential = (rule: string, docker: object, field: string, words: string): Refusal => [
  rule,
  { 'spec.aws': undefined, 'spec.docker': docker },
  `spec.docker.${field}`,
  words,
];

const tlsSecretRef = { name: 'engine-tls' };

export const dockerCredentialRefusals: readonly Refusal[] = [
  inCredential('an engine without host', {}, 'host', 'Required'),
  inCredential('an engine behind HTTP', { host: 'http://10.0.0.5:2375' }, 'host', 'match'),
  inCredential(
    'an engine elsewhere without TLS',
    { host: 'tcp://10.0.0.5:2375' },
    'tlsSecretRef',
    'tlsSecretRef is required with tcp://: whoever reaches an engine without TLS owns its host',
  ),
  inCredential(
    'an engine that is named like this host',
    { host: 'tcp://localhost.example.org:2375' },
    'tlsSecretRef',
    'tlsSecretRef is required with tcp://',
  ),
  inCredential(
    'a socket with TLS',
    { host: 'unix:///var/run/docker.sock', tlsSecretRef },
    'tlsSecretRef',
    'tlsSecretRef is used with tcp:// only',
  ),
];

/** And what is taken. */
export const dockerPlacements: readonly object[] = [
  {},
  {
    network: 'chains',
    publish: [
      { port: 8545, hostIp: '0.0.0.0' },
      { port: 'p2p', hostPort: 30303, hostIp: '::' },
    ],
  },
  {
    publish: [
      { port: 'p2p', hostPort: 30303 },
      { port: 'disc', hostPort: 30303 },
      { port: 'rpc', hostPort: 30303, hostIp: '192.0.2.7' },
    ],
  },
  {
    volumes: [{ name: 'data', path: '/var/lib/node' }],
    restartPolicy: 'OnFailure',
    labels: { team: 'chains' },
  },
];
/** A port of the host belongs to an engine, and nobody has it where there are no nodes. */
export const dockerNeighbours: readonly (readonly object[])[] = [
  [onEngine('a'), { ...onEngine('b'), credentialRef: { name: 'other' } }],
  [onEngine('a'), onEngine('b', { publish: [{ port: 'rpc', hostPort: 8546 }, { port: 'p2p' }] })],
  [onEngine('a'), { ...onEngine('b'), replicas: 0 }],
];
export const dockerCredentials: readonly object[] = [
  { host: 'unix:///var/run/docker.sock', address: '192.0.2.7' },
  { host: 'tcp://127.0.0.1:2375' },
  { host: 'tcp://localhost:2375' },
  { host: 'tcp://[::1]:2375' },
  { host: 'tcp://engine.example.org:2376', tlsSecretRef },
  { host: 'tcp://[2001:db8::5]:2376', tlsSecretRef },
];
