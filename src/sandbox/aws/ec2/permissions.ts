import { refuse } from '../errors.ts';
import type { Params } from '../query.ts';
import type { Peer, Rule } from '../records.ts';
import type { Region } from '../region.ts';
import { items, leaf, node } from '../xml.ts';

/** A rule before it has an id. */
export type Permission = Omit<Rule, 'id' | 'tags' | 'egress'>;

/** Reads `IpPermissions.N`: one permission for each source that it names. */
export function readPermissions(params: Params, region: Region): readonly Permission[] {
  return params.list('IpPermissions').flatMap((entry) => {
    const protocol = protocolName(entry.text('IpProtocol') ?? '');
    const ports = readPorts(entry, protocol);
    const peers = readPeers(entry, region);
    if (peers.length === 0) {
      throw refuse(
        'InvalidParameterValue',
        'Invalid value for ipPermissions: no source or destination given.',
      );
    }
    return peers.map(({ peer, description }) => ({ protocol, ...ports, peer, description }));
  });
}

export function sameRule(a: Permission, b: Permission): boolean {
  return ruleKey(a) === ruleKey(b);
}

export function describePermission(rule: Permission): string {
  const ports = rule.fromPort === undefined ? '' : `, from port: ${rule.fromPort}, to port: ${rule.toPort}`;
  return `peer: ${peerText(rule.peer)}, ${rule.protocol === '-1' ? 'ALL' : rule.protocol.toUpperCase()}${ports}, ALLOW`;
}

/** Rules as DescribeSecurityGroups shows them: gathered by protocol and ports. */
export function permissionsXml(name: string, rules: readonly Rule[], account: string): string {
  const gathered = new Map<string, Rule[]>();
  for (const rule of rules) {
    const key = `${rule.protocol}/${rule.fromPort}/${rule.toPort}`;
    const list = gathered.get(key);
    if (list === undefined) gathered.set(key, [rule]);
    else list.push(rule);
  }
  return items(name, gathered.values(), (list) => permissionXml(list, account));
}

/** Rules as DescribeSecurityGroupRules shows them: each by itself. */
export function ruleXml(rule: Rule, groupId: string, account: string): string {
  const { peer } = rule;
  return (
    leaf('securityGroupRuleId', rule.id) +
    leaf('groupId', groupId) +
    leaf('groupOwnerId', account) +
    leaf('isEgress', rule.egress) +
    leaf('ipProtocol', rule.protocol) +
    leaf('fromPort', rule.fromPort ?? -1) +
    leaf('toPort', rule.toPort ?? -1) +
    (peer.kind === 'ipv4' ? leaf('cidrIpv4', peer.cidr) : '') +
    (peer.kind === 'ipv6' ? leaf('cidrIpv6', peer.cidr) : '') +
    (peer.kind === 'prefixList' ? leaf('prefixListId', peer.id) : '') +
    (peer.kind === 'group'
      ? node('referencedGroupInfo', leaf('groupId', peer.id), leaf('userId', account))
      : '') +
    leaf('description', rule.description) +
    items('tagSet', Object.entries(rule.tags), ([key, value]) => leaf('key', key) + leaf('value', value))
  );
}

function permissionXml(rules: readonly Rule[], account: string): string {
  const first = rules[0];
  const list = (name: string, kind: Peer['kind'], element: string, head = ''): string =>
    items(
      name,
      rules.filter((rule) => rule.peer.kind === kind),
      (rule) => head + leaf(element, peerText(rule.peer)) + leaf('description', rule.description),
    );
  return (
    leaf('ipProtocol', first?.protocol) +
    leaf('fromPort', first?.fromPort) +
    leaf('toPort', first?.toPort) +
    list('groups', 'group', 'groupId', leaf('userId', account)) +
    list('ipRanges', 'ipv4', 'cidrIp') +
    list('ipv6Ranges', 'ipv6', 'cidrIpv6') +
    list('prefixListIds', 'prefixList', 'prefixListId')
  );
}

function readPeers(entry: Params, region: Region): { peer: Peer; description: string | undefined }[] {
  return [
    ...entry.list('IpRanges').map((range) => ({
      peer: { kind: 'ipv4', cidr: ipv4Block(range.text('CidrIp') ?? '') } as const,
      description: range.text('Description'),
    })),
    ...entry.list('Ipv6Ranges').map((range) => ({
      peer: { kind: 'ipv6', cidr: ipv6Block(range.text('CidrIpv6') ?? '') } as const,
      description: range.text('Description'),
    })),
    ...entry.list('PrefixListIds').map((list) => ({
      peer: { kind: 'prefixList', id: list.text('PrefixListId') ?? '' } as const,
      description: list.text('Description'),
    })),
    ...entry.list('Groups').map((group) => ({
      peer: { kind: 'group', id: knownGroup(region, group) } as const,
      description: group.text('Description'),
    })),
  ];
}

function knownGroup(region: Region, group: Params): string {
  const id = group.text('GroupId') ?? '';
  if (region.groups.get(id) === undefined) {
    throw refuse('InvalidGroup.NotFound', `The security group '${id}' does not exist`);
  }
  return id;
}

function readPorts(
  entry: Params,
  protocol: string,
): { fromPort: number | undefined; toPort: number | undefined } {
  // With all protocols, ports mean nothing and EC2 drops them.
  if (protocol === '-1') return { fromPort: undefined, toPort: undefined };
  const [from, to] = [entry.text('FromPort'), entry.text('ToPort')];
  if (from === undefined || to === undefined) {
    if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'icmp' && protocol !== 'icmpv6') {
      return { fromPort: undefined, toPort: undefined };
    }
    throw refuse(
      'InvalidParameterValue',
      `Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.`,
    );
  }
  const [fromPort, toPort] = [Number(from), Number(to)];
  const isPort = protocol === 'tcp' || protocol === 'udp';
  if (isPort && (fromPort < 0 || toPort > 65_535 || fromPort > toPort)) {
    throw refuse('InvalidParameterValue', `Invalid TCP/UDP port range (${from}:${to})`);
  }
  return { fromPort, toPort };
}

function protocolName(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '6': 'tcp',
    '17': 'udp',
    '1': 'icmp',
    '58': 'icmpv6',
    all: '-1',
  };
  const name = names[text] ?? text.toLowerCase();
  if (!/^(tcp|udp|icmp|icmpv6|-1|\d{1,3})$/.test(name)) {
    throw refuse('InvalidPermission.Malformed', `Unsupported IP protocol "${text}"`);
  }
  return name;
}

function ipv4Block(text: string): string {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const numbers = match?.slice(1).map(Number) ?? [];
  const bits = numbers[4] ?? 33;
  if (match === null || numbers.slice(0, 4).some((part) => part > 255) || bits > 32) {
    throw refuse('InvalidParameterValue', `CIDR block ${text} is malformed`);
  }
  // EC2 keeps the network address: 10.0.0.7/8 becomes 10.0.0.0/8.
  const address = numbers.slice(0, 4).reduce((sum, part) => sum * 256 + part, 0);
  const network = Math.floor(address / 2 ** (32 - bits)) * 2 ** (32 - bits);
  return `${[24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join('.')}/${bits}`;
}

function ipv6Block(text: string): string {
  if (!/^[0-9a-f:]+\/\d{1,3}$/i.test(text))
    throw refuse('InvalidParameterValue', `CIDR block ${text} is malformed`);
  return text.toLowerCase();
}

function ruleKey(rule: Permission): string {
  return `${rule.protocol}/${rule.fromPort}/${rule.toPort}/${peerText(rule.peer)}`;
}

function peerText(peer: Peer): string {
  return 'cidr' in peer ? peer.cidr : peer.id;
}
