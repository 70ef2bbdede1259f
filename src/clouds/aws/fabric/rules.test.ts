import { expect, test } from 'vitest';
import { compareRules, describeRules, foundRules, toPermissions, wishedRules } from './rules.ts';

test('what AWS answers to what we sent is what was wished', () => {
  const wished = wishedRules([
    { protocol: 'TCP', ports: { from: 30303, to: 30303 }, cidrs: ['0.0.0.0/0', '2001:DB8::1/32'] },
    { protocol: 'UDP', ports: { from: 30303, to: 30310 }, cidrs: ['10.1.2.3/16'] },
    { protocol: 'TCP', cidrs: ['10.0.0.0/8'] },
    { protocol: 'ICMP', cidrs: ['0.0.0.0/0', '::/0'] },
    { protocol: 'All', cidrs: ['192.168.1.1/24'] },
  ]);

  const found = foundRules(toPermissions(wished));

  expect(compareRules(wished, found)).toEqual({ missing: [], surplus: [] });
  expect(wished).toHaveLength(7);
});

test('the same rule twice is one rule', () => {
  const twice = wishedRules([
    { protocol: 'TCP', ports: { from: 22, to: 22 }, cidrs: ['10.1.2.3/8', '10.0.0.0/8'] },
    { protocol: 'TCP', ports: { from: 22, to: 22 }, cidrs: ['10.9.9.9/8'] },
  ]);

  expect(twice).toEqual([{ protocol: 'tcp', from: 22, to: 22, peer: '10.0.0.0/8' }]);
});

test('ICMP is ICMPv6 where the peers speak IPv6', () => {
  expect(
    wishedRules([{ protocol: 'ICMP', cidrs: ['10.0.0.0/8', 'fd00::/8'] }]).map((rule) => rule.protocol),
  ).toEqual(['icmp', 'icmpv6']);
});

test('rules that AWS merged are taken apart', () => {
  const found = foundRules([
    {
      IpProtocol: '6',
      FromPort: 80,
      ToPort: 80,
      IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'a note' }, { CidrIp: '0.0.0.0/0' }],
      UserIdGroupPairs: [{ GroupId: 'sg-1', UserId: '123456789012' }],
      PrefixListIds: [{ PrefixListId: 'pl-1' }],
    },
    { IpProtocol: '-1', FromPort: 0, ToPort: 65535, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
  ]);

  expect(found).toEqual([
    { protocol: 'tcp', from: 80, to: 80, peer: '10.0.0.0/8' },
    { protocol: 'tcp', from: 80, to: 80, peer: '0.0.0.0/0' },
    { protocol: 'tcp', from: 80, to: 80, peer: 'sg-1' },
    { protocol: 'tcp', from: 80, to: 80, peer: 'pl-1' },
    { protocol: '-1', from: -1, to: -1, peer: '0.0.0.0/0' },
  ]);
});

test('what goes to AWS has one permission for each range, and no ports where there are none', () => {
  const rules = wishedRules([
    { protocol: 'TCP', ports: { from: 22, to: 22 }, cidrs: ['10.0.0.0/8', '::/0', '172.16.0.0/12'] },
    { protocol: 'All', cidrs: ['0.0.0.0/0'] },
  ]);

  expect(toPermissions([...rules, { protocol: 'tcp', from: 22, to: 22, peer: 'sg-1' }])).toEqual([
    {
      IpProtocol: 'tcp',
      FromPort: 22,
      ToPort: 22,
      IpRanges: [{ CidrIp: '10.0.0.0/8' }, { CidrIp: '172.16.0.0/12' }],
      Ipv6Ranges: [{ CidrIpv6: '::/0' }],
      UserIdGroupPairs: [{ GroupId: 'sg-1' }],
    },
    { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
  ]);
});

test('a narrower range is another rule', () => {
  const wide = wishedRules([{ protocol: 'TCP', ports: { from: 1, to: 100 }, cidrs: ['0.0.0.0/0'] }]);
  const narrow = wishedRules([{ protocol: 'TCP', ports: { from: 1, to: 10 }, cidrs: ['0.0.0.0/0'] }]);

  expect(compareRules(narrow, wide)).toEqual({ missing: narrow, surplus: wide });
});

test('rules are told in a few words', () => {
  const rules = wishedRules([
    { protocol: 'TCP', ports: { from: 1, to: 100 }, cidrs: ['0.0.0.0/0'] },
    { protocol: 'All', cidrs: ['0.0.0.0/0'] },
  ]);

  expect(describeRules(rules, 'from')).toBe('tcp 1-100 from 0.0.0.0/0 and 1 more');
  expect(describeRules(rules.slice(1), 'to')).toBe('everything to 0.0.0.0/0');
  expect(
    describeRules([{ protocol: 'udp', from: 5, to: 5, peer: 'sg-1' }], 'from', new Map([['sg-1', 'p-1']])),
  ).toBe('udp 5 from p-1');
});
