import { dockerCredentialRefusals, dockerNodeRefusals, dockerRefusals } from './docker-cases.ts';
import { gatewayRefusals } from './gateway-cases.ts';

/** What the kinds refuse: by rule, how to break it, and where and with which words the server says so. */

/** Members by path, `spec.client.ports.0.port`; undefined takes the member out. */
export type Changes = Readonly<Record<string, unknown>>;
/** What was changed, and where and with which words the server says so. */
export type Refusal = readonly [rule: string, changes: Changes, field: string, words: string];

const vpcId = 'vpc-0123456789abcdef0';
export const aws = { region: 'us-east-1', instanceType: 't3.small' };
export const placement = (name: string) => ({ name, credentialRef: { name: 'aws' }, aws });
const client = {
  image: 'example.org/chain:1',
  ports: [
    { name: 'rpc', port: 8545 },
    { name: 'p2p', port: 30303 },
    { name: 'disc', port: 30303, protocol: 'UDP' },
  ],
  health: { tcp: { port: 'rpc' } },
};
export const network = {
  apiVersion: 'peerage.dev/v1alpha1',
  kind: 'Network',
  metadata: { name: 'dev' },
  spec: {
    client,
    placements: [placement('virginia'), { ...placement('other'), aws: { ...aws, network: { vpcId } } }],
    balancer: { type: 'Network', ports: [{ port: 80, targetPort: 'rpc' }] },
    security: { ingress: [{ ports: ['p2p'], from: ['10.0.0.0/8'] }] },
  },
};
export const node = {
  apiVersion: 'peerage.dev/v1alpha1',
  kind: 'Node',
  metadata: { name: 'lone' },
  spec: { credentialRef: { name: 'aws' }, client, aws },
};
export const credential = {
  apiVersion: 'peerage.dev/v1alpha1',
  kind: 'CloudCredential',
  metadata: { name: 'aws' },
  spec: { aws: { source: 'Secret', secretRef: { name: 'aws-keys' } } },
};

const a = (length: number) => 'a'.repeat(length);
const https = { port: 443, targetPort: 'rpc', protocol: 'HTTPS' };
const arn = 'arn:aws:acm:us-east-1:123456789012:certificate/x';
const roleArn = 'arn:aws:iam::123456789012:role/peerage';
const where = 'spec.placements[0]';
const ports = 'spec.client.ports';
const env = 'spec.client.env';
const files = 'spec.client.files';
const ingress = 'spec.security.ingress';
const inAws = 'spec.placements.0.aws';

export const networkRefusals: readonly Refusal[] = [
  ...gatewayRefusals,
  ...dockerRefusals,
  ['a name over 40 characters', { 'metadata.name': a(41) }, 'metadata.name', '40'],
  ['a name that is no DNS label', { 'metadata.name': 'a.b' }, 'metadata.name', 'dashes only'],
  ['no spec', { spec: undefined }, 'spec', 'Required'],
  ['no client', { 'spec.client': undefined }, 'spec.client', 'Required'],
  ['no image', { 'spec.client.image': undefined }, 'spec.client.image', 'Required'],
  ['an image with a space', { 'spec.client.image': 'a b' }, 'spec.client.image', 'match'],
  // Placements.
  ['no placement', { 'spec.placements': [] }, 'spec.placements', 'at least 1'],
  [
    '33 placements',
    { 'spec.placements': Array.from({ length: 33 }, (_, i) => placement(`p${i}`)) },
    'spec.placements',
    '32',
  ],
  ['two placements of one name', { 'spec.placements.1.name': 'virginia' }, 'spec.placements[1]', 'Duplicate'],
  ['a placement name over 15 characters', { 'spec.placements.0.name': a(16) }, `${where}.name`, '15'],
  ['a placement name that is no DNS label', { 'spec.placements.0.name': 'a_b' }, `${where}.name`, 'match'],
  ['no cloud in a placement', { [inAws]: undefined }, where, 'set exactly one cloud: aws'],
  [
    'no credential in a placement',
    { 'spec.placements.0.credentialRef': undefined },
    `${where}.credentialRef`,
    'Required',
  ],
  [
    'negative replicas of a placement',
    { 'spec.placements.0.replicas': -1 },
    `${where}.replicas`,
    'greater than or equal to 0',
  ],
  ['replicas that are no number', { 'spec.placements.0.replicas': 'two' }, `${where}.replicas`, 'integer'],
  ['negative replicas', { 'spec.replicas': -1 }, 'spec.replicas', 'greater than or equal to 0'],
  // Client.
  ['port 0', { 'spec.client.ports.0.port': 0 }, `${ports}[0].port`, 'greater than or equal to 1'],
  ['port 65536', { 'spec.client.ports.0.port': 65536 }, `${ports}[0].port`, 'less than or equal to 65535'],
  ['a port twice', { 'spec.client.ports.1.port': 8545 }, ports, 'once for each protocol'],
  ['a port name twice', { 'spec.client.ports.2.name': 'p2p' }, `${ports}[2]`, 'Duplicate'],
  ['a port name over 15 characters', { 'spec.client.ports.2.name': a(16) }, `${ports}[2].name`, '15'],
  [
    'a port name without letters',
    { 'spec.client.ports.2.name': '12' },
    `${ports}[2].name`,
    'at least one letter',
  ],
  [
    'another protocol',
    { 'spec.client.ports.0.protocol': 'SCTP' },
    `${ports}[0].protocol`,
    'Unsupported value: "SCTP"',
  ],
  [
    'a variable twice',
    {
      [env]: [
        { name: 'A', value: '' },
        { name: 'A', value: '' },
      ],
    },
    `${env}[1]`,
    'Duplicate',
  ],
  ['a variable without value', { [env]: [{ name: 'A' }] }, `${env}[0]`, 'exactly one of value and valueFrom'],
  [
    'a variable with two values',
    { [env]: [{ name: 'A', value: '', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] },
    `${env}[0]`,
    'exactly one',
  ],
  ['a variable of another shell', { [env]: [{ name: 'A=B', value: '' }] }, `${env}[0].name`, 'match'],
  [
    'a Secret reference without key',
    { [env]: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a' } } }] },
    `${env}[0].valueFrom.secretKeyRef.key`,
    'Required',
  ],
  [
    'a quantity that is none',
    { 'spec.client.resources': { memory: '4 GB' } },
    'spec.client.resources.memory',
    'quantity above zero',
  ],
  [
    'a negative quantity',
    { 'spec.client.resources': { cpu: -1 } },
    'spec.client.resources.cpu',
    'quantity above zero',
  ],
  [
    'two health checks',
    { 'spec.client.health': { tcp: { port: 'rpc' }, http: { port: 'rpc' } } },
    'spec.client.health',
    'exactly one of tcp, http and jsonRpc',
  ],
  [
    'a health check without kind',
    { 'spec.client.health': {} },
    'spec.client.health',
    'exactly one of tcp, http and jsonRpc',
  ],
  [
    'a health check of no port',
    { 'spec.client.health.tcp.port': 'web' },
    'spec.client.health.tcp.port',
    'TCP port in client.ports',
  ],
  [
    'a health check of a UDP port',
    { 'spec.client.health': { http: { port: 'disc' } } },
    'spec.client.health.http.port',
    'TCP port in client.ports',
  ],
  [
    'a path without slash',
    { 'spec.client.health': { http: { port: 'rpc', path: 'health' } } },
    'spec.client.health.http.path',
    'match',
  ],
  [
    'checks without pause',
    { 'spec.client.health.intervalSeconds': 0 },
    'spec.client.health.intervalSeconds',
    'greater than or equal to 5',
  ],
  [
    'a JSON-RPC health check of a UDP port',
    { 'spec.client.health': { jsonRpc: { port: 'disc', method: 'm' } } },
    'spec.client.health.jsonRpc.port',
    'TCP port in client.ports',
  ],
  [
    'a JSON-RPC health check without method',
    { 'spec.client.health': { jsonRpc: { port: 'rpc' } } },
    'spec.client.health.jsonRpc.method',
    'Required',
  ],
  [
    'a file twice',
    {
      [files]: [
        { path: '/a', content: '' },
        { path: '/a', content: '' },
      ],
    },
    `${files}[1]`,
    'Duplicate',
  ],
  ['a file without content', { [files]: [{ path: '/a' }] }, `${files}[0]`, 'exactly one of content and'],
  ['a file at no absolute path', { [files]: [{ path: 'a', content: '' }] }, `${files}[0].path`, 'match'],
  ['a file with a colon', { [files]: [{ path: '/a:b', content: '' }] }, `${files}[0].path`, 'match'],
  ['a file that is a folder', { [files]: [{ path: '/a/', content: '' }] }, `${files}[0].path`, 'empty part'],
  ['a file on a way back', { [files]: [{ path: '/a/../b', content: '' }] }, `${files}[0].path`, '..'],
  [
    'another pull policy',
    { 'spec.client.imagePullPolicy': 'always' },
    'spec.client.imagePullPolicy',
    'supported values: "Always", "IfNotPresent", "Never"',
  ],
  [
    'a pull secret without name',
    { 'spec.client.imagePullSecret': {} },
    'spec.client.imagePullSecret.name',
    'Required',
  ],
  // Peering and remediation.
  ['no address of peers', { 'spec.peering': {} }, 'spec.peering.address', 'Required'],
  [
    'an address of peers that is none',
    { 'spec.peering': { address: {} } },
    'spec.peering.address',
    'set template, jsonRpc, or both',
  ],
  [
    'no boot node',
    { 'spec.peering': { bootnodes: 0, address: { template: 'a' } } },
    'spec.peering.bootnodes',
    'greater than or equal to 1',
  ],
  [
    'an address to be asked for at a UDP port',
    { 'spec.peering': { address: { jsonRpc: { port: 'disc', method: 'm' } } } },
    'spec.peering.address.jsonRpc.port',
    'TCP port in client.ports',
  ],
  ...['$(PUBLIC_ADDR):1', '$(ADDRESS):$(PORT_ws)', '$$$(NOBODY)', '$(RESULT)'].map(
    (template): Refusal => [
      `an address of peers with a variable that nobody knows, ${template}`,
      { 'spec.peering': { address: { template } } },
      'spec.peering.address.template',
      'refers to a variable that has no value: known are $(ADDRESS)',
    ],
  ),
  [
    'remediation of nobody at a time',
    { 'spec.remediation': { maxUnhealthy: 0 } },
    'spec.remediation.maxUnhealthy',
    'greater than or equal to 1',
  ],
  [
    'remediation that nothing calls for',
    {
      'spec.remediation': {},
      'spec.client.health': undefined,
      'spec.balancer': undefined,
    },
    'spec.remediation',
    'needs client.health or a balancer',
  ],
  // Balancer.
  ['a balancer without ports', { 'spec.balancer.ports': [] }, 'spec.balancer.ports', 'at least 1'],
  [
    'a balancer port out of range',
    { 'spec.balancer.ports.0.port': 70000 },
    'spec.balancer.ports[0].port',
    '65535',
  ],
  [
    'a balancer port twice',
    { 'spec.balancer.ports.1': { port: 80, targetPort: 'p2p' } },
    'spec.balancer.ports',
    'once for each transport protocol',
  ],
  [
    'TCP and TLS on one port',
    { 'spec.balancer.ports.1': { port: 80, targetPort: 'p2p', protocol: 'TLS', certificateArn: arn } },
    'spec.balancer.ports',
    'once for each transport protocol',
  ],
  [
    'a target port that is none',
    { 'spec.balancer.ports.0.targetPort': 'web' },
    'spec.balancer.ports',
    'is not the name of a port',
  ],
  [
    'UDP to a TCP port',
    { 'spec.balancer.ports.0.protocol': 'UDP' },
    'spec.balancer.ports',
    'both speak UDP or neither',
  ],
  [
    'HTTP at a network balancer',
    { 'spec.balancer.ports.0.protocol': 'HTTP' },
    'spec.balancer.ports',
    'TCP, UDP and TLS only',
  ],
  [
    'TCP at an application balancer',
    { 'spec.balancer.type': 'Application', 'spec.balancer.ports.0.protocol': 'TCP' },
    'spec.balancer.ports',
    'HTTP and HTTPS only',
  ],
  [
    'an application balancer before a UDP port',
    { 'spec.balancer.type': 'Application', 'spec.balancer.ports.0.targetPort': 'disc' },
    'spec.balancer.ports',
    'must speak TCP',
  ],
  [
    'HTTPS without certificate',
    { 'spec.balancer.type': 'Application', 'spec.balancer.ports': [https] },
    'spec.balancer.ports',
    'need a certificate',
  ],
  [
    'HTTPS with a certificate in one placement only',
    {
      'spec.balancer.type': 'Application',
      'spec.balancer.ports': [https],
      [`${inAws}.certificates`]: [{ port: 443, certificateArn: arn }],
    },
    'spec.balancer.ports',
    'need a certificate: in certificateArn, or in certificates of every placement',
  ],
  [
    'HTTPS with certificates for another port',
    {
      'spec.balancer.type': 'Application',
      'spec.balancer.ports': [https, { ...https, port: 8443, certificateArn: arn }],
      [`${inAws}.certificates`]: [{ port: 8443, certificateArn: arn }],
      'spec.placements.1.aws.certificates': [{ port: 8443, certificateArn: arn }],
    },
    'spec.balancer.ports',
    'need a certificate',
  ],
  [
    'a certificate of a placement for a port without TLS',
    { [`${inAws}.certificates`]: [{ port: 80, certificateArn: arn }] },
    'spec.placements',
    'no TLS or HTTPS port of the balancer',
  ],
  [
    'a certificate of a placement without balancer',
    { 'spec.balancer': undefined, [`${inAws}.certificates`]: [{ port: 443, certificateArn: arn }] },
    'spec.placements',
    'no TLS or HTTPS port of the balancer',
  ],
  [
    'a certificate of another region',
    {
      'spec.balancer.type': 'Application',
      'spec.balancer.ports': [{ ...https, certificateArn: arn }],
      [`${inAws}.certificates`]: [{ port: 443, certificateArn: arn.replace('us-east-1', 'us-west-2') }],
    },
    `${where}.aws.certificates`,
    'must be one of the region',
  ],
  [
    'two certificates for one port',
    {
      'spec.balancer.type': 'Application',
      'spec.balancer.ports': [{ ...https, certificateArn: arn }],
      [`${inAws}.certificates`]: [
        { port: 443, certificateArn: arn },
        { port: 443, certificateArn: `${arn}y` },
      ],
    },
    `${where}.aws.certificates[1]`,
    'Duplicate',
  ],
  [
    'a certificate without TLS',
    { 'spec.balancer.ports.0.certificateArn': arn },
    'spec.balancer.ports[0].certificateArn',
    'only TLS and HTTPS',
  ],
  [
    'a source range that is no CIDR',
    { 'spec.balancer.sourceRanges': ['10.0.0.0'] },
    'spec.balancer.sourceRanges[0]',
    'CIDR notation',
  ],
  [
    'a source range with host bits',
    { 'spec.balancer.sourceRanges': ['10.0.0.1/8'] },
    'spec.balancer.sourceRanges[0]',
    'behind its prefix',
  ],
  [
    'a drain time below zero',
    { 'spec.balancer.drainSeconds': -1 },
    'spec.balancer.drainSeconds',
    'greater than or equal to 0',
  ],
  [
    'a balancer that cannot see the health of nodes',
    {
      'spec.client.health': undefined,
      'spec.client.ports': [{ name: 'rpc', port: 1, protocol: 'UDP' }],
      'spec.security': undefined,
    },
    'spec.balancer',
    'sees that a node is healthy',
  ],
  [
    'a VPC with any tags',
    { [`${inAws}.network`]: { vpcTags: {} } },
    `${where}.aws.network.vpcTags`,
    'at least 1',
  ],
  // Security.
  [
    'a bad CIDR',
    { 'spec.security.ingress.0.from': ['10.0.0.0/33'] },
    `${ingress}[0].from[0]`,
    'CIDR notation',
  ],
  [
    'a CIDR with host bits',
    { 'spec.security.ingress.0.from': ['2001:db8::1/32'] },
    `${ingress}[0].from[0]`,
    'behind its prefix',
  ],
  [
    'a CIDR twice',
    { 'spec.security.ingress.0.from': ['10.0.0.0/8', '10.0.0.0/8'] },
    `${ingress}[0].from[1]`,
    'Duplicate',
  ],
  ['a rule for nobody', { 'spec.security.ingress.0.from': [] }, `${ingress}[0].from`, 'at least 1'],
  [
    'a rule for a port that is none',
    { 'spec.security.ingress.0.ports': ['web'] },
    ingress,
    'not in client.ports',
  ],
  [
    'a rule out to a port that is none',
    { 'spec.security.egress': [{ ports: ['web'], to: ['0.0.0.0/0'] }] },
    'spec.security.egress',
    'not in client.ports',
  ],
  [
    'a rule for nothing',
    { 'spec.security.ingress.0.ports': undefined },
    `${ingress}[0]`,
    'set ports, or portRange',
  ],
  [
    'named ports with a protocol',
    { 'spec.security.ingress.0.protocol': 'TCP' },
    `${ingress}[0].ports`,
    'no protocol beside them',
  ],
  [
    'a port range of no protocol',
    { 'spec.security.ingress.0': { portRange: { from: 1, to: 2 }, from: ['10.0.0.0/8'] } },
    `${ingress}[0].portRange`,
    'needs protocol',
  ],
  [
    'a port range backwards',
    { 'spec.security.ingress.0': { protocol: 'TCP', portRange: { from: 2, to: 1 }, from: ['10.0.0.0/8'] } },
    `${ingress}[0].portRange.to`,
    'below from',
  ],
  // Enums.
  ['another mode', { 'spec.mode': 'plan' }, 'spec.mode', 'supported values: "Apply", "Plan"'],
  [
    'another deletion policy',
    { 'spec.deletionPolicy': 'Retain' },
    'spec.deletionPolicy',
    'supported values: "Delete", "Orphan"',
  ],
  ['another way for Secrets', { 'spec.secretDelivery': 'Env' }, 'spec.secretDelivery', 'supported values'],
  // AWS.
  ['no region', { [`${inAws}.region`]: undefined }, `${where}.aws.region`, 'Required'],
  ['a zone in place of a region', { [`${inAws}.region`]: 'us-east-1a' }, `${where}.aws.region`, 'match'],
  ['a zone of another region', { [`${inAws}.zones`]: ['us-west-2a'] }, `${where}.aws.zones`, 'of the region'],
  [
    'a zone twice',
    { [`${inAws}.zones`]: ['us-east-1a', 'us-east-1a'] },
    `${where}.aws.zones[1]`,
    'Duplicate',
  ],
  [
    'an instance type that is none',
    { [`${inAws}.instanceType`]: 'small' },
    `${where}.aws.instanceType`,
    'match',
  ],
  [
    'two images',
    { [`${inAws}.image`]: { id: 'ami-0123456789abcdef0', ssmParameter: '/a' } },
    `${where}.aws.image`,
    'exactly one of id and ssmParameter',
  ],
  [
    'no image in image',
    { [`${inAws}.image`]: {} },
    `${where}.aws.image`,
    'exactly one of id and ssmParameter',
  ],
  ['an image id that is none', { [`${inAws}.image`]: { id: 'debian' } }, `${where}.aws.image.id`, 'match'],
  [
    'a fast gp2',
    { [`${inAws}.rootVolume`]: { type: 'gp2', throughput: 250 } },
    `${where}.aws.rootVolume.throughput`,
    'gp3 only',
  ],
  [
    'iops of gp2',
    { [`${inAws}.rootVolume`]: { type: 'gp2', iops: 3000 } },
    `${where}.aws.rootVolume.iops`,
    'gp3, io1 and io2 only',
  ],
  [
    'io2 without iops',
    { [`${inAws}.rootVolume`]: { type: 'io2' } },
    `${where}.aws.rootVolume.iops`,
    'need iops',
  ],
  [
    'a key without encryption',
    { [`${inAws}.rootVolume`]: { encrypted: false, kmsKeyId: 'alias/a' } },
    `${where}.aws.rootVolume.kmsKeyId`,
    'encrypted: true',
  ],
  [
    'a VPC by id and tags',
    { [`${inAws}.network`]: { vpcId: 'vpc-0123456789abcdef0', vpcTags: { a: 'b' } } },
    `${where}.aws.network.vpcTags`,
    'not both',
  ],
  [
    'subnets by id and tags',
    { [`${inAws}.network`]: { subnetIds: ['subnet-0123456789abcdef0'], subnetTags: { a: 'b' } } },
    `${where}.aws.network.subnetTags`,
    'not both',
  ],
  [
    'a tag of our own',
    { [`${inAws}.tags`]: { 'peerage-cluster': 'x' } },
    `${where}.aws.tags`,
    'does not begin with',
  ],
  ['a tag of AWS', { [`${inAws}.tags`]: { 'aws:x': 'x' } }, `${where}.aws.tags`, 'does not begin with'],
  [
    'a price that is no number',
    { [`${inAws}.spot`]: { maxPrice: '5 cents' } },
    `${where}.aws.spot.maxPrice`,
    'match',
  ],
];

/** Every member of RunInstances that would break a promise, with a value of its own type. */
const denied: readonly (readonly [path: string, value: unknown])[] = [
  ['MinCount', 1],
  ['MaxCount', 2],
  ['ClientToken', 'mine'],
  ['DryRun', true],
  ['UserData', 'IyEvYmluL3No'],
  ['SubnetId', 'subnet-0123456789abcdef0'],
  ['Placement.AvailabilityZone', 'us-east-1a'],
  ['Placement.AvailabilityZoneId', 'use1-az1'],
  ['PrivateIpAddress', '10.0.0.5'],
  ['LaunchTemplate', { LaunchTemplateName: 'mine' }],
  ['NetworkInterfaces', [{ DeviceIndex: 0 }]],
  ['InstanceMarketOptions.SpotOptions.SpotInstanceType', 'persistent'],
  ['DisableApiTermination', true],
];

export const nodeRefusals: readonly Refusal[] = [
  ...dockerNodeRefusals,
  ['a name over 63 characters', { 'metadata.name': a(64) }, 'metadata.name', '63'],
  ['no cloud', { 'spec.aws': undefined }, 'spec', 'set exactly one cloud: aws'],
  ['no credential', { 'spec.credentialRef': undefined }, 'spec.credentialRef', 'Required'],
  [
    'a rule for a port that is none',
    { 'spec.security': { ingress: [{ ports: ['web'], from: ['::/0'] }] } },
    ingress,
    'not in client.ports',
  ],
  ...denied.map(
    ([path, value]): Refusal => [
      `runInstances.${path}`,
      { [`spec.aws.runInstances.${path}`]: value },
      `spec.aws.runInstances.${path}`,
      'is not allowed here',
    ],
  ),
];

const roles = 'spec.aws.assumeRole';
const namespaces = 'spec.allowedNamespaces';
const expression = { matchExpressions: [{ key: 'a', operator: 'In' }] };

export const credentialRefusals: readonly Refusal[] = [
  ...dockerCredentialRefusals,
  ['no cloud', { 'spec.aws': undefined }, 'spec', 'set exactly one cloud: aws'],
  ['no source', { 'spec.aws.source': undefined }, 'spec.aws.source', 'Required'],
  [
    'another source',
    { 'spec.aws.source': 'Env' },
    'spec.aws.source',
    'supported values: "Secret", "Ambient"',
  ],
  [
    'Secret without reference',
    { 'spec.aws.secretRef': undefined },
    'spec.aws.secretRef',
    'required with source: Secret',
  ],
  [
    'Ambient with reference',
    { 'spec.aws.source': 'Ambient' },
    'spec.aws.secretRef',
    'with source: Secret only',
  ],
  ['a role that is none', { [roles]: [{ roleArn: 'peerage' }] }, `${roles}[0].roleArn`, 'match'],
  [
    'a session too short',
    { [roles]: [{ roleArn, durationSeconds: 899 }] },
    `${roles}[0].durationSeconds`,
    '900',
  ],
  [
    'a session too long',
    { [roles]: [{ roleArn, durationSeconds: 43201 }] },
    `${roles}[0].durationSeconds`,
    '43200',
  ],
  [
    'namespaces by name and label',
    { [namespaces]: { list: ['a'], selector: {} } },
    namespaces,
    'exactly one of list and selector',
  ],
  ['a namespace that is none', { [namespaces]: { list: ['A'] } }, `${namespaces}.list[0]`, 'match'],
  [
    'a comparison with nothing',
    { [namespaces]: { selector: expression } },
    `${namespaces}.selector.matchExpressions[0].values`,
    'need values',
  ],
];

/** Changes of the `network` above that are refused once it is there. */
export const placementChanges: readonly Refusal[] = [
  [
    'region',
    { 'spec.placements.0.aws.region': 'us-west-2' },
    `${where}.aws.region`,
    'add a placement under another name',
  ],
  [
    'VPC',
    { 'spec.placements.1.aws.network.vpcId': 'vpc-0123456789abcdef1' },
    'spec.placements[1].aws.network.vpcId',
    'a VPC cannot change; add a placement under another name',
  ],
  [
    'credential',
    { 'spec.placements.0.credentialRef.name': 'other' },
    `${where}.credentialRef`,
    'add a placement under another name',
  ],
  [
    'credential namespace',
    { 'spec.placements.0.credentialRef.namespace': 'x' },
    `${where}.credentialRef`,
    'add a placement under another name',
  ],
];

/** The same of a Node. */
export const nodeChanges: readonly Refusal[] = [
  ['the image', { 'spec.client.image': 'example.org/chain:2' }, 'spec', 'the spec of a Node cannot change'],
  ['a defaulted field', { 'spec.deletionPolicy': 'Orphan' }, 'spec', 'the spec of a Node cannot change'],
  [
    'what stands open below runInstances',
    { 'spec.aws.runInstances.CpuOptions.CoreCount': 4 },
    'spec',
    'the spec of a Node cannot change',
  ],
];
