import { expect, test } from 'vitest';
import { normalCidr } from './cidr.ts';

test.each([
  ['10.1.2.3/16', '10.1.0.0/16'],
  ['100.68.0.18/18', '100.68.0.0/18'],
  ['203.0.113.7/32', '203.0.113.7/32'],
  ['203.0.113.7', '203.0.113.7/32'],
  ['255.255.255.255/0', '0.0.0.0/0'],
  ['2001:DB8:0:0:0:0:0:1/32', '2001:db8::/32'],
  ['2001:db8::1', '2001:db8::1/128'],
  ['::/0', '::/0'],
  ['fd00:1:2:3:4:5:6:7/64', 'fd00:1:2:3::/64'],
])('%s is %s', (written, normal) => {
  expect(normalCidr(written)).toBe(normal);
});

test.each(['everywhere', '10.0.0.0.0/8', ''])('leaves %j for AWS to refuse', (written) => {
  expect(normalCidr(written)).toBe(written);
});
