import { expect, test } from 'vitest';
import { couldBeOurs, namesOf, scopeName } from './names.ts';

const owner = { cluster: 'c', network: 'chains/dev', placement: 'virginia' };

test('every name fits what AWS takes, and is known again', () => {
  const names = namesOf(owner);
  const all = [names.nodesGroup, names.balancerGroup, names.balancer, names.pool([80, 'TCP', 8545, 'vpc-1'])];

  expect(new Set(all).size).toBe(4);
  for (const name of all) {
    expect(name).toMatch(/^p-[a-z0-9]+$/);
    expect(name.length).toBeLessThanOrEqual(32);
    expect(couldBeOurs(name)).toBe(true);
  }
  expect(couldBeOurs('p-frontend')).toBe(false);
});

test('names are the same for the same owner and differ for any other', () => {
  const others = [
    { ...owner, cluster: 'd' },
    { ...owner, network: 'chains/dev2' },
    { ...owner, placement: 'ohio' },
    { cluster: 'c', network: 'chains/dev' },
    { cluster: 'c', network: 'chains/dev', region: 'aws/123456789012/us-east-1' },
    { cluster: 'c', network: 'chains/dev', region: 'aws/123456789012/us-east-2' },
    { cluster: 'c', node: 'chains/dev', placement: 'virginia' },
  ];

  expect(namesOf({ ...owner })).toMatchObject({ balancer: namesOf(owner).balancer });
  expect(new Set([owner, ...others].map((one) => namesOf(one).balancer)).size).toBe(8);
});

test('what cannot change on a target group is part of its name', () => {
  const { pool } = namesOf(owner);

  expect(pool([80, 'TCP', 8545, 'vpc-1'])).not.toBe(pool([80, 'TCP', 8546, 'vpc-1']));
});

test('names never change: resources of earlier versions are found by them', () => {
  expect(namesOf(owner).balancer).toBe('p-79bc2bbbab28e7800eaee32e16c6b7');
});

test('people read whose it is', () => {
  expect(scopeName(owner)).toBe('chains/dev virginia');
  expect(scopeName({ cluster: 'c', network: 'chains/dev', region: 'aws/1/us-east-1' })).toBe(
    'chains/dev aws/1/us-east-1',
  );
  expect(scopeName({ cluster: 'c', node: 'chains/lone' })).toBe('chains/lone');
});
