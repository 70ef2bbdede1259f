import { describe, expect, it } from 'vitest';
import { gatewayPlacesOf } from './gateway-places.ts';
import type { Site } from './site.ts';

const spec = { region: 'us-east-1', instanceType: 't3.small' };
const view = (address: string) => ({
  ageMs: 0,
  balancer: { id: 'lb', address, active: true },
  members: new Map(),
  pools: 1,
  resources: [],
});

const site = (name: string, more: Partial<Site> = {}): Site => ({
  name,
  place: { credentialRef: { name: 'aws' }, cloud: 'aws', spec },
  owner: { cluster: 'c', network: 'chains/dev', placement: name },
  uid: 'u',
  wished: true,
  desired: 3,
  revision: 'r',
  nodes: [],
  lastView: () => undefined,
  ...more,
});
const placement = (name: string) => ({ name, replicas: 3, credentialRef: { name: 'aws' }, aws: spec });
const placesOf = (names: readonly string[], sites: readonly Site[]) =>
  gatewayPlacesOf({ placements: names.map(placement) }, sites);

describe('placements of a gateway', () => {
  it('come in the order of the spec, without those on their way out', () => {
    const sites = [site('gone', { wished: false }), site('b'), site('a')];
    expect(placesOf(['a', 'b'], sites).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('have the address seen now, else the one seen last, and say which', () => {
    const aligned = { view: view('now.example.com'), steps: [], ran: [] };
    const lastView = () => view('last.example.com');
    expect(placesOf(['a'], [site('a', { aligned, lastView })])).toMatchObject([
      { address: 'now.example.com', observed: true },
    ]);
    expect(placesOf(['a'], [site('a', { lastView })])).toMatchObject([
      { address: 'last.example.com', observed: false },
    ]);
    expect(placesOf(['a'], [site('a')])[0]).not.toHaveProperty('address');
  });

  it('behind one balancer are one, with the nodes of all of them', () => {
    const shared = { view: view('shared.example.com'), steps: [], ran: [] };
    const own = view('own.example.com');
    const apart = { ...own, balancer: { ...own.balancer, id: 'other' } };
    const places = placesOf(
      ['a', 'b', 'c'],
      [
        site('c', { aligned: { view: apart, steps: [], ran: [] } }),
        site('b', { aligned: shared, desired: 5 }),
        site('a', { lastView: () => shared.view }),
      ],
    );
    expect(places).toMatchObject([
      { name: 'a', address: 'shared.example.com', desired: 8, observed: true },
      { name: 'c', address: 'own.example.com', desired: 3 },
    ]);
    expect(places).toHaveLength(2);
  });

  it('are of one region when cloud, credential and region are the same', () => {
    const other = { credentialRef: { name: 'other' }, cloud: 'aws' as const, spec };
    const regions = placesOf(['a', 'b', 'c'], [site('a'), site('b'), site('c', { place: other })]).map(
      ({ region }) => region,
    );
    expect(regions[0]).toBe(regions[1]);
    expect(regions[2]).not.toBe(regions[0]);
  });
});
