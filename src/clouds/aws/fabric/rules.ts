/** Firewall rules in one form, whichever way they were written, so that what AWS answers can be compared with what was asked. */
import type { IpPermission } from '@aws-sdk/client-ec2';
import type { FirewallRule } from '../../cloud.ts';
import { normalCidr } from './cidr.ts';

/** One protocol, one range, one peer: what AWS counts as a rule. */
export interface Rule {
  /** `tcp`, `udp`, `icmp`, `icmpv6`, another protocol's number, or `-1` for all. */
  readonly protocol: string;
  /** Inclusive. -1 and -1 where a protocol has no ports. */
  readonly from: number;
  readonly to: number;
  /** A CIDR, or the id of a security group or prefix list. */
  readonly peer: string;
}

export const EVERYTHING_IPV4: Rule = { protocol: '-1', from: -1, to: -1, peer: '0.0.0.0/0' };
export const EVERYTHING_IPV6: Rule = { protocol: '-1', from: -1, to: -1, peer: '::/0' };

/** AWS answers these four by name, whichever way they were given. */
const PROTOCOL_NAMES: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' };
const WITH_PORTS: ReadonlySet<string> = new Set(['tcp', 'udp']);

export function ruleKey(rule: Rule): string {
  return `${rule.protocol} ${rule.from}-${rule.to} ${rule.peer}`;
}

export function wishedRules(rules: readonly FirewallRule[]): readonly Rule[] {
  return distinct(
    rules.flatMap((rule) =>
      rule.cidrs.map((written): Rule => {
        const peer = normalCidr(written);
        switch (rule.protocol) {
          case 'TCP':
          case 'UDP': {
            const { from, to } = rule.ports ?? { from: 0, to: 65_535 };
            return { protocol: rule.protocol.toLowerCase(), from, to, peer };
          }
          case 'ICMP':
            return { protocol: peer.includes(':') ? 'icmpv6' : 'icmp', from: -1, to: -1, peer };
          case 'All':
            return { protocol: '-1', from: -1, to: -1, peer };
        }
        return rule.protocol satisfies never;
      }),
    ),
  );
}

/** Takes apart what AWS merged. */
export function foundRules(permissions: readonly IpPermission[]): readonly Rule[] {
  return distinct(
    permissions.flatMap((permission) => {
      const given = (permission.IpProtocol ?? '-1').toLowerCase();
      const protocol = PROTOCOL_NAMES[given] ?? given;
      const bounded = protocol !== '-1';
      const from = bounded ? (permission.FromPort ?? (WITH_PORTS.has(protocol) ? 0 : -1)) : -1;
      const to = bounded ? (permission.ToPort ?? (WITH_PORTS.has(protocol) ? 65_535 : -1)) : -1;
      return peersOf(permission).map((peer) => ({ protocol, from, to, peer }));
    }),
  );
}

function peersOf(permission: IpPermission): readonly string[] {
  const cidrs = [
    ...(permission.IpRanges ?? []).map((range) => range.CidrIp),
    ...(permission.Ipv6Ranges ?? []).map((range) => range.CidrIpv6),
  ].flatMap((cidr) => (cidr === undefined ? [] : [normalCidr(cidr)]));
  const ids = [
    ...(permission.UserIdGroupPairs ?? []).map((pair) => pair.GroupId),
    ...(permission.PrefixListIds ?? []).map((list) => list.PrefixListId),
  ].filter((id) => id !== undefined);
  return [...cidrs, ...ids];
}

/** One permission for each protocol and range, with all its peers. */
export function toPermissions(rules: readonly Rule[]): IpPermission[] {
  const byRange = Map.groupBy(rules, (rule) => `${rule.protocol} ${rule.from}-${rule.to}`);
  return Array.from(byRange.values(), (alike) => {
    const [first] = alike;
    const peers = alike.map((rule) => rule.peer);
    const pick = (test: (peer: string) => boolean): string[] => peers.filter(test);
    const ipv4 = pick((peer) => peer.includes('/') && !peer.includes(':'));
    const ipv6 = pick((peer) => peer.includes(':'));
    const groups = pick((peer) => peer.startsWith('sg-'));
    const lists = pick((peer) => peer.startsWith('pl-'));
    return {
      IpProtocol: first?.protocol,
      ...(first?.protocol === '-1' ? {} : { FromPort: first?.from, ToPort: first?.to }),
      ...(ipv4.length === 0 ? {} : { IpRanges: ipv4.map((CidrIp) => ({ CidrIp })) }),
      ...(ipv6.length === 0 ? {} : { Ipv6Ranges: ipv6.map((CidrIpv6) => ({ CidrIpv6 })) }),
      ...(groups.length === 0 ? {} : { UserIdGroupPairs: groups.map((GroupId) => ({ GroupId })) }),
      ...(lists.length === 0 ? {} : { PrefixListIds: lists.map((PrefixListId) => ({ PrefixListId })) }),
    };
  });
}

export interface RuleDifference {
  readonly missing: readonly Rule[];
  readonly surplus: readonly Rule[];
}

export function compareRules(wished: readonly Rule[], found: readonly Rule[]): RuleDifference {
  return { missing: without(wished, found), surplus: without(found, wished) };
}

export function without(rules: readonly Rule[], others: readonly Rule[]): readonly Rule[] {
  const known = new Set(others.map(ruleKey));
  return rules.filter((rule) => !known.has(ruleKey(rule)));
}

export function distinct(rules: readonly Rule[]): readonly Rule[] {
  return Array.from(new Map(rules.map((rule) => [ruleKey(rule), rule])).values());
}

/** For people: `tcp 8545 from 0.0.0.0/0 and 2 more`. `names`: of peers that are security groups, by id. */
export function describeRules(
  rules: readonly Rule[],
  preposition: 'from' | 'to',
  names: ReadonlyMap<string, string> = new Map(),
): string {
  const [first] = rules;
  if (first === undefined) return 'nothing';
  const ports =
    first.from === -1 ? '' : first.from === first.to ? ` ${first.from}` : ` ${first.from}-${first.to}`;
  const protocol = first.protocol === '-1' ? 'everything' : first.protocol;
  const more = rules.length === 1 ? '' : ` and ${rules.length - 1} more`;
  return `${protocol}${ports} ${preposition} ${names.get(first.peer) ?? first.peer}${more}`;
}
