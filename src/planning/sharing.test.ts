import { describe, expect, test } from 'vitest';
import type { FabricView, MemberHealth } from '../clouds/cloud.ts';
import { courseOf, hasTakenOver, keptApart, type SharingFacts, type Takeover } from './sharing.ts';

describe('who can be behind one balancer', () => {
  const sharer = (name: string, network?: string, certificateArn?: string) => ({
    name,
    spec: certificateArn === undefined ? {} : { certificates: [{ port: 443, certificateArn }] },
    ...(network !== undefined && { network }),
  });

  test('all in one network; the first decides which', () => {
    expect([...keptApart([sharer('a', 'n1'), sharer('b', 'n1')])]).toEqual([]);
    const apart = keptApart([sharer('a', 'n1'), sharer('b', 'n2'), sharer('c', 'n1')]);
    expect([...apart]).toEqual([
      [
        'b',
        'placement b cannot share a balancer with a: its network is n2, that of a is n1; name the same in both, or set balancer.scope to Placement',
      ],
    ]);
  });

  test('one whose network nobody knows now is not judged by it, and decides nothing', () => {
    expect([...keptApart([sharer('a'), sharer('b', 'n1'), sharer('c', 'n2')]).keys()]).toEqual(['c']);
  });

  test('a port shows one certificate; who names none takes that of the others', () => {
    const apart = keptApart([sharer('a', 'n', 'arn:1'), sharer('b', 'n', 'arn:2'), sharer('c', 'n')]);
    expect([...apart.keys()]).toEqual(['b']);
    expect(apart.get('b')).toContain('port 443 has another certificate');
  });
});

describe('a balancer has taken over', () => {
  const view = (
    members: Readonly<Record<string, MemberHealth>>,
    { active = true, pools = 1, listed = 1 } = {},
  ): FabricView => ({
    ageMs: 0,
    balancer: { id: 'lb', address: 'lb.example', active },
    members: new Map(Object.entries(members).map(([id, health]) => [id, { health, pools: listed }])),
    pools,
    resources: [],
  });

  test('when it serves all that the other one serves', () => {
    const before = view({ a: 'healthy', b: 'unhealthy' });
    expect(hasTakenOver(view({ a: 'healthy' }), before, ['a', 'b'])).toBe(true);
    expect(hasTakenOver(view({ a: 'initial', b: 'healthy' }), before, ['a', 'b'])).toBe(false);
  });

  test('only of those machines: whom else the other one serves is not its business', () => {
    const before = view({ a: 'healthy', elsewhere: 'healthy' });
    expect(hasTakenOver(view({ a: 'healthy' }), before, ['a'])).toBe(true);
  });

  test('in all of its pools', () => {
    const before = view({ a: 'healthy' });
    expect(hasTakenOver(view({ a: 'healthy' }, { pools: 2, listed: 1 }), before, ['a'])).toBe(false);
  });

  test('not before it takes connections', () => {
    expect(hasTakenOver(view({ a: 'healthy' }, { active: false }), view({}), ['a'])).toBe(false);
    const { balancer: _, ...none } = view({});
    expect(hasTakenOver(none, view({}), [])).toBe(false);
  });
});

describe('the course', () => {
  const place = (change: Partial<SharingFacts['places'][number]> = {}) => ({
    name: 'a',
    isDue: true,
    stands: false,
    isApart: false,
    takeover: 'under way' as Takeover,
    ...change,
  });
  const course = (
    scope: SharingFacts['scope'],
    places: SharingFacts['places'],
    { isDue = true, stands = false, shareAddress = false } = {},
  ) => {
    const found = courseOf({ scope, shareAddress, shared: { isDue, stands }, places });
    const told = [...found.places].map(
      ([name, { own, isServed, front }]) => `${name}: own ${own}, ${isServed ? 'served' : 'alone'}, ${front}`,
    );
    return [found.shared, ...told];
  };

  test('of a fresh Network is the balancer that it wishes', () => {
    expect(course('Placement', [place()])).toEqual(['no', 'a: own yes, alone, own']);
    expect(course('Region', [place(), place({ name: 'b' })])).toEqual([
      'yes',
      'a: own no, served, shared',
      'b: own no, served, shared',
    ]);
    expect(course(undefined, [place({ stands: true })], { stands: true })).toEqual([
      'no',
      'a: own no, alone, own',
    ]);
  });

  test('from one each to one: each keeps its own until it has been taken over for long enough', () => {
    const own = { stands: true };
    expect(
      course('Region', [
        place(own),
        place({ ...own, name: 'b', takeover: 'serving' }),
        place({ ...own, name: 'c', takeover: 'done' }),
      ]),
    ).toEqual([
      'yes',
      'a: own until taken over, served, own',
      'b: own until taken over, served, shared',
      'c: own no, served, shared',
    ]);
  });

  test('from one to one each: it stays until the last of them has been taken over for long enough', () => {
    const places = [place({ takeover: 'done' }), place({ name: 'b', takeover: 'serving' })];
    expect(course('Placement', places, { stands: true })).toEqual([
      'until taken over',
      'a: own yes, served, own',
      'b: own yes, served, own',
    ]);
    expect(course('Placement', [place()], { stands: true })).toEqual([
      'until taken over',
      'a: own yes, served, shared',
    ]);
    expect(course('Placement', [place({ takeover: 'done' })], { stands: true })).toEqual([
      'no',
      'a: own yes, alone, own',
    ]);
  });

  test('where both would need the same ports, the old one goes first', () => {
    const shareAddress = true;
    expect(course('Region', [place({ stands: true })], { shareAddress })).toEqual([
      'yes',
      'a: own no, served, shared',
    ]);
    expect(course('Placement', [place()], { shareAddress, stands: true })).toEqual([
      'no',
      'a: own yes, alone, own',
    ]);
  });

  test('without nodes nothing is waited for', () => {
    expect(course('Region', [place({ isDue: false, stands: true })], { isDue: false })).toEqual([
      'no',
      'a: own no, alone, shared',
    ]);
    expect(course('Placement', [place({ isDue: false })], { stands: true })).toEqual([
      'no',
      'a: own no, alone, own',
    ]);
  });

  test('who is apart keeps a balancer of its own that stands, and the others go on', () => {
    const apart = place({ isApart: true, stands: true, takeover: 'done' });
    expect(course('Region', [apart, place({ name: 'b' })])).toEqual([
      'yes',
      'a: own until taken over, alone, own',
      'b: own no, served, shared',
    ]);
  });
});
