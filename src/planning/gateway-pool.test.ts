import { describe, expect, it } from 'vitest';
import { type GatewayPlace, isReweighted, type Pool, poolOf } from './gateway-pool.ts';

const place = (name: string, more: Partial<GatewayPlace> = {}): GatewayPlace => ({
  name,
  region: name,
  desired: 3,
  ready: 3,
  address: `${name}.example.com`,
  ...more,
});
const weightsOf = (pool: Pool) =>
  Object.fromEntries(Array.from(pool, ([name, { weight }]) => [name, weight]));
const poolWith = (weights: Readonly<Record<string, number>>): Pool =>
  new Map(
    Object.entries(weights).map(([name, weight]) => [name, { address: `${name}.example.com`, weight }]),
  );

describe('the pool', () => {
  it('has the placements with a balancer, in their order', () => {
    const { address: _, ...none } = place('b');
    expect([...poolOf('First', [place('c'), none, place('a')])]).toEqual([
      ['c', { address: 'c.example.com', weight: 1 }],
      ['a', { address: 'a.example.com', weight: 1 }],
    ]);
  });

  it('gives every region the same, and its placements what they share of it', () => {
    const places = [place('a', { region: 'x' }), place('b', { region: 'x' }), place('c', { region: 'y' })];
    expect(weightsOf(poolOf('RoundRobin', places))).toEqual({ a: 120, b: 120, c: 240 });
  });

  it('weighs nothing where all regions are alike', () => {
    const places = [place('a', { region: 'x' }), place('b', { region: 'x' })];
    expect(weightsOf(poolOf('LeastConnections', places))).toEqual({ a: 1, b: 1 });
  });
});

describe('weights by nodes', () => {
  const weights = (ready: Readonly<Record<string, number>>, before: Readonly<Record<string, number>> = {}) =>
    weightsOf(
      poolOf(
        'Weighted',
        Object.entries(ready).map(([name, count]) => place(name, { ready: count, desired: 4 })),
        poolWith(before),
      ),
    );

  it('are the Ready nodes, and where there are none those wished for', () => {
    expect(weights({ a: 5, b: 2, c: 0 })).toEqual({ a: 5, b: 2, c: 4 });
  });

  it('stay below what HAProxy takes, and above nothing', () => {
    expect(weights({ a: 5_000, b: 2_500, c: 1 })).toEqual({ a: 256, b: 128, c: 1 });
  });

  it.each([
    ['a node is replaced', { a: 2, b: 3 }, { a: 3, b: 3 }],
    ['a placement has no node for a while', { a: 0, b: 3 }, { a: 3, b: 3 }],
    ['all grow alike', { a: 30, b: 60 }, { a: 1, b: 2 }],
  ])('stay while %s', (_, ready, before) => {
    expect(weights(ready, before)).toEqual(before);
  });

  it.each([
    ['a share is half of what it was', { a: 1, b: 3 }, { a: 3, b: 3 }],
    ['a share is twice what it was', { a: 9, b: 3 }, { a: 3, b: 3 }],
    ['a placement is new', { a: 2, b: 3 }, { b: 3 }],
    ['a placement is gone', { b: 2 }, { a: 3, b: 3 }],
  ])('follow when %s', (_, ready, before) => {
    expect(weights(ready, before)).toEqual(ready);
  });
});

describe('a change of weights alone', () => {
  it('is one without a change of addresses', () => {
    expect(isReweighted(poolWith({ a: 1, b: 2 }), poolWith({ a: 2, b: 2 }))).toBe(true);
    expect(isReweighted(poolWith({ a: 1, b: 2 }), poolWith({ a: 1, b: 2 }))).toBe(false);
    expect(isReweighted(poolWith({ a: 1 }), poolWith({ a: 2, b: 2 }))).toBe(false);
    const moved: Pool = new Map([['a', { address: 'elsewhere.example.com', weight: 2 }]]);
    expect(isReweighted(poolWith({ a: 1 }), moved)).toBe(false);
  });
});
