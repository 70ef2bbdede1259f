import { expect, test } from 'vitest';
import type { Place } from './places.ts';
import { regionsOf } from './region.ts';
import type { Site } from './site.ts';

const site = (name: string, place: Partial<Place> = {}): Site => ({
  name,
  place: {
    credentialRef: { name: 'aws' },
    cloud: 'aws',
    spec: { region: 'us-east-1', instanceType: 't3.small' },
    account: '111122223333',
    ...place,
  },
  owner: { cluster: 'c', network: 'chains/dev', placement: name },
  uid: 'u',
  wished: true,
  desired: 1,
  revision: 'r',
  nodes: [],
  lastView: () => undefined,
});
const grouped = (sites: readonly Site[], order: readonly string[] = []) =>
  regionsOf(sites, order).map(({ owner, sites: here }) => [owner.region, ...here.map(({ name }) => name)]);

test('placements share a region where cloud, account and region are the same, whatever their credentials are called', () => {
  const other = { credentialRef: { name: 'other' } };
  expect(
    grouped([
      site('a'),
      site('b', other),
      site('c', { account: '444455556666' }),
      site('d', { spec: { region: 'eu-west-1', instanceType: 't3.small' } }),
    ]),
  ).toEqual([
    ['aws/111122223333/us-east-1', 'a', 'b'],
    ['aws/444455556666/us-east-1', 'c'],
    ['aws/111122223333/eu-west-1', 'd'],
  ]);
});

test('engines are accounts of their own', () => {
  const on = (account: string): Partial<Place> => ({ cloud: 'docker', spec: {}, account });
  expect(grouped([site('a', on('E:1')), site('b', on('E:2')), site('c', on('E:1'))])).toEqual([
    ['docker/E:1/engine', 'a', 'c'],
    ['docker/E:2/engine', 'b'],
  ]);
});

test('the first of the spec come first, those on their way out last', () => {
  expect(grouped([site('gone'), site('b'), site('a')], ['a', 'b'])).toEqual([
    ['aws/111122223333/us-east-1', 'a', 'b', 'gone'],
  ]);
});

test('one whose account nobody knows is in none', () => {
  const { account: _, ...place } = site('a').place;
  expect(grouped([{ ...site('a'), place }])).toEqual([]);
});
