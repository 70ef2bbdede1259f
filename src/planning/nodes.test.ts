import { describe, expect, test } from 'vitest';
import { type NodeFacts, type PlacementWish, planNodes, summarize } from './nodes.ts';

const network = { name: 'net', uid: 'uid-1' };

function node(index: number, more: Partial<NodeFacts> = {}): NodeFacts {
  const common = { placement: 'a', revision: 'new', ready: true, leaving: false };
  const name = `node-${more.placement ?? 'a'}${index}`;
  return { name, uid: `uid of ${name}`, index, ...common, ...more };
}

function wish(replicas: number, more: Partial<PlacementWish> = {}): PlacementWish {
  return { name: 'a', replicas, revision: 'new', ...more };
}

function plan(nodes: readonly NodeFacts[], ...placements: readonly PlacementWish[]) {
  return planNodes({ network, placements, nodes });
}

const names = (nodes: readonly { readonly name: string }[]) => nodes.map(({ name }) => name);

describe('reaching the wished number', () => {
  test('creates what is missing, with the smallest free ordinals', () => {
    const { create } = plan([node(0), node(2)], wish(4));
    expect(create.map(({ index }) => index)).toEqual([1, 3]);
    expect(create.every(({ revision, placement }) => revision === 'new' && placement === 'a')).toBe(true);
  });

  test('whoever plans from the same state arrives at the same names', () => {
    expect(plan([node(0)], wish(3))).toEqual(plan([node(0)], wish(3)));
  });

  test('a name that is taken is passed over for the next of the same ordinal', () => {
    const [first] = plan([], wish(1)).create;
    const taken = node(7, { name: first?.name ?? '', placement: 'b' });
    const [second] = plan([taken], wish(1), wish(1, { name: 'b' })).create;
    expect(second).toMatchObject({ index: 0, placement: 'a' });
    expect(second?.name).not.toBe(first?.name);
  });

  test('names differ between Networks of the same name, placements and ordinals', () => {
    const again = planNodes({ network: { ...network, uid: 'uid-2' }, placements: [wish(1)], nodes: [] });
    const all = [...plan([], wish(2), wish(2, { name: 'b' })).create, ...again.create];
    expect(new Set(names(all)).size).toBe(5);
    expect(names(all).every((name) => /^net-[ab]-[a-z2-7]{5}$/.test(name))).toBe(true);
  });

  test('one that is leaving is not counted on, and keeps its ordinal until it is gone', () => {
    const { create, remove } = plan([node(0, { leaving: true }), node(1)], wish(2));
    expect(create.map(({ index }) => index)).toEqual([2]);
    expect(remove).toEqual([]);
  });

  test('removes the highest ordinals, those that do not serve first', () => {
    const { remove } = plan([node(0), node(1, { ready: false }), node(2), node(3)], wish(2));
    expect(names(remove)).toEqual(['node-a1', 'node-a3']);
  });

  test('removes Nodes of a former revision before all others', () => {
    const nodes = [node(0, { revision: 'old' }), node(1), node(2), node(3)];
    expect(names(plan(nodes, wish(2)).remove)).toEqual(['node-a0', 'node-a3']);
  });

  test('removes all Nodes of a placement that is gone', () => {
    const { remove } = plan([node(0), node(0, { placement: 'b' })], wish(1));
    expect(remove).toEqual([
      { name: 'node-b0', uid: 'uid of node-b0', placement: 'b', because: 'placement b is gone' },
    ]);
  });

  test('does nothing about what is leaving already', () => {
    const leaving = { leaving: true };
    const nothing = { create: [], remove: [], replace: [], now: {} };
    expect(plan([node(0, leaving), node(0, { ...leaving, placement: 'b' })], wish(0))).toEqual(nothing);
  });
});

describe('replacing what is of a former revision', () => {
  const old = { revision: 'old' };

  test('makes one of the new revision beside the old ones, and removes none yet', () => {
    const { create, remove, replace, now } = plan([node(0, old), node(1, old)], wish(2));
    expect([create, remove]).toEqual([[], []]);
    expect(names(replace)).toEqual(['node-a1', 'node-a0']);
    expect(now).toMatchObject({ create: { index: 2, revision: 'new' } });
  });

  test('waits until the new one is Ready', () => {
    const nodes = [node(0, old), node(1, old), node(2, { ready: false })];
    expect(plan(nodes, wish(2))).toMatchObject({ create: [], remove: [], now: {} });
  });

  test('then lets one old Node go', () => {
    const nodes = [node(0, old), node(1, old), node(2)];
    expect(plan(nodes, wish(2))).toMatchObject({ remove: [], now: { remove: { name: 'node-a1' } } });
  });

  test('waits until that one is gone', () => {
    const nodes = [node(0, old), node(1, { ...old, leaving: true }), node(2)];
    expect(plan(nodes, wish(2))).toMatchObject({ create: [], remove: [], now: {} });
  });

  test('an old Node that is not Ready goes first, without a stand-in', () => {
    const nodes = [node(0, { ...old, ready: false }), node(1, old)];
    expect(plan(nodes, wish(2)).now).toEqual({ remove: { name: 'node-a0', uid: 'uid of node-a0' } });
  });

  test('goes one Node at a time over all placements', () => {
    const nodes = [node(0, old), node(0, { ...old, placement: 'b' })];
    const { now, replace } = plan(nodes, wish(1), wish(1, { name: 'b' }));
    expect(replace).toHaveLength(2);
    expect(now).toMatchObject({ create: { placement: 'a' } });
    const next = [...nodes, node(1, { ready: false })];
    expect(plan(next, wish(1), wish(1, { name: 'b' })).now).toEqual({});
  });

  test.for([
    ['before', [wish(1), wish(2, { name: 'b' })]],
    ['after', [wish(2, { name: 'b' }), wish(1)]],
  ] as const)('touches nothing that serves while a placement that comes %s it lacks Nodes', ([, wishes]) => {
    const nodes = [node(0, old), node(0, { placement: 'b' })];
    const { create, now } = plan(nodes, ...wishes);
    expect(create).toHaveLength(1);
    expect(now).toEqual({});
  });

  test('a change taken back during the replacement removes the stand-in only', () => {
    const nodes = [node(0), node(1), node(2, { revision: 'tried' })];
    expect(plan(nodes, wish(2))).toMatchObject({
      create: [],
      remove: [],
      now: { remove: { name: 'node-a2' } },
    });
  });

  test('a smaller number comes before replacing', () => {
    const nodes = [node(0, old), node(1, old), node(2, old)];
    expect(plan(nodes, wish(1))).toMatchObject({
      remove: [{ name: 'node-a2' }, { name: 'node-a1' }],
      replace: [{ name: 'node-a0' }],
      now: {},
    });
  });

  const fresh = { ready: false };
  test.for([
    { wished: 1, nodes: [node(0, old), node(1, old), node(2, fresh)], going: ['node-a1'] },
    { wished: 2, nodes: [node(0, old), node(1, old), node(2, old), node(3, fresh)], going: ['node-a2'] },
    {
      wished: 1,
      nodes: [node(0, old), node(1, old), node(2, old), node(3, fresh)],
      going: ['node-a2', 'node-a1'],
    },
    { wished: 1, nodes: [node(0, old), node(1, fresh), node(2, fresh)], going: ['node-a2'] },
    {
      wished: 1,
      nodes: [node(0, { ...old, ready: false }), node(1, old), node(2, fresh)],
      going: ['node-a0'],
    },
    {
      wished: 1,
      nodes: [node(0, old), node(1, { ...old, ready: false }), node(2), node(3)],
      going: ['node-a1', 'node-a0', 'node-a3'],
    },
    { wished: 0, nodes: [node(0, old), node(1, fresh)], going: ['node-a0', 'node-a1'] },
  ])(
    'a smaller number in the middle of it leaves $wished Ready and the newcomer: $going go',
    ({ wished, nodes, going }) => {
      const { remove, create, now } = plan(nodes, wish(wished));
      expect(names(remove)).toEqual(going);
      expect([create, now]).toEqual([[], {}]);
      const left = nodes.filter(({ name }) => !going.includes(name));
      expect(left.filter(({ ready }) => ready).length).toBeGreaterThanOrEqual(wished);
      // What is left is left alone until the newcomer is Ready.
      expect(plan(left, wish(wished)).remove).toEqual([]);
    },
  );

  test('comes to its end in as many rounds as there are Nodes, and never serves with fewer', () => {
    let nodes: readonly NodeFacts[] = [node(0, old), node(1, old), node(2, old)];
    const serving: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const { create, remove, now } = plan(nodes, wish(3));
      expect([create, remove]).toEqual([[], []]);
      const made = now.create
        ? [{ ...now.create, uid: `uid of ${now.create.name}`, ready: true, leaving: false }]
        : [];
      nodes = [...nodes.filter(({ name }) => name !== now.remove?.name), ...made];
      serving.push(nodes.length);
    }
    expect(nodes.map(({ revision }) => revision)).toEqual(['new', 'new', 'new']);
    expect(serving).toEqual([4, 3, 4, 3, 4, 3]);
    expect(plan(nodes, wish(3))).toEqual({ create: [], remove: [], replace: [], now: {} });
  });
});

test('says in one sentence what it is about to do', () => {
  const there = (placement: string) => ({ name: 'n', placement, index: 0, revision: 'r', because: '' });
  const none = { create: [], remove: [], replace: [] };
  expect(summarize(none, 0)).toBe('nothing to do');
  expect(summarize(none, 1)).toBe('1 step around the nodes');
  expect(summarize({ ...none, replace: [there('a')] }, 0)).toBe('replace 1 node in a');
  expect(
    summarize({ create: [there('a'), there('a'), there('b')], remove: [there('b')], replace: [] }, 3),
  ).toBe('add 2 nodes in a and 1 node in b, remove 1 node in b; 3 steps around them');
});
