import { describe, expect, test } from 'vitest';
import { type HealthFacts, planRemediation } from './remediation.ts';

const now = Date.parse('2030-01-01T00:00:00Z');
const remediation = { afterSeconds: 300, maxUnhealthy: 1 };

/**
 * `h`: healthy. A number: unhealthy for so many seconds. `b` and a number: the same, where no other could take its place.
 * `s`: starting. `o`: starting for long. `l`: leaving.
 */
type Sketch = 'h' | 's' | 'o' | 'l' | number | `b${number}`;

function facts(sketch: Sketch, position: number): HealthFacts {
  const blocked = typeof sketch === 'string' && sketch.startsWith('b');
  const seconds = blocked ? Number(sketch.slice(1)) : sketch;
  const unhealthy = typeof seconds === 'number' && { unhealthySince: now - seconds * 1000 };
  const createdAt = now - (sketch === 's' ? 60_000 : 3_600_000);
  const common = { ready: sketch === 'h', leaving: sketch === 'l', blocked, createdAt };
  return { name: `n${position}`, ...common, ...unhealthy };
}

function plan(sketches: readonly Sketch[], more: Partial<typeof remediation> = {}) {
  return planRemediation(sketches.map(facts), { ...remediation, ...more }, now);
}

describe('a Node is replaced', () => {
  test.for([
    ['when it was unhealthy for long enough', ['h', 'h', 300], { replace: ['n2'] }],
    ['not before that, and looked at again then', ['h', 'h', 299], { replace: [], againInMs: 1_000 }],
    ['not when it is well', ['h', 'h', 'h'], { replace: [] }],
    ['not when it is leaving anyway', ['h', 'h', 'l'], { replace: [] }],
    ['the longest unhealthy first', ['h', 'h', 'h', 300, 400], { replace: ['n4'] }],
    ['by name where they are equal', ['h', 'h', 400, 400], { replace: ['n2'] }],
    ['though another is not due yet', ['h', 'h', 100, 300], { replace: ['n3'], againInMs: 200_000 }],
    ['one after the other', ['h', 'h', 'h', 500, 'l'], { replace: [] }],
    ['not while a new one starts', ['h', 'h', 's', 500], { replace: [], againInMs: 540_000 }],
    ['though one has been starting for ever', ['h', 'h', 'o', 500], { replace: ['n3'] }],
    ['alone in its Network', [300], { replace: ['n0'] }],
    ['half of a Network of two', ['h', 300], { replace: ['n1'] }],
    ['the only one that was ever up', [300, 'o', 'o'], { replace: ['n0'] }],
    ['not where no other could take its place', ['h', 'h', 'b300'], { replace: [] }],
    [
      'before one that is blocked, however long that is unhealthy',
      ['h', 'h', 'b900', 300],
      { replace: ['n3'] },
    ],
    ['when a blocked one is not even due', ['h', 'h', 'b100', 300], { replace: ['n3'] }],
    ['in no Network without Nodes', [], { replace: [] }],
  ] as const)('%s', ([, nodes, expected]) => {
    expect(plan(nodes)).toEqual(expected);
  });

  test('at most so many at a time as the Network says', () => {
    const nodes = ['h', 'h', 'h', 'h', 'h', 300, 301, 302, 303] as const;
    expect(plan(nodes, { maxUnhealthy: 3 }).replace).toEqual(['n8', 'n7', 'n6']);
    expect(plan([...nodes, 'l'], { maxUnhealthy: 3 }).replace).toEqual(['n8', 'n7']);
    expect(plan([...nodes, 'l', 's'], { maxUnhealthy: 3 }).replace).toEqual(['n8']);
    expect(plan([...nodes, 'l', 's', 's', 's'], { maxUnhealthy: 3 }).replace).toEqual([]);
  });
});

describe('none is replaced while most are unhealthy', () => {
  const held = (unhealthy: number, judged: number, first: string) => ({
    replace: [],
    held: `${unhealthy} of ${judged} Nodes are unhealthy at once, ${first} the longest: none is replaced until at most half are`,
  });

  test.for([
    ['two of three', ['h', 300, 301], held(2, 3, 'n2')],
    ['all of two', [300, 300], held(2, 2, 'n0')],
    ['some for a moment only', ['h', 'h', 300, 1, 1], held(3, 5, 'n2')],
    ['one of them blocked', ['h', 'b400', 300], held(2, 3, 'n1')],
    ['with those that start left out', ['h', 300, 300, 'o', 'o', 'o'], held(2, 3, 'n1')],
  ] as const)('%s', ([, nodes, expected]) => {
    expect(plan(nodes, { maxUnhealthy: 10 })).toEqual(expected);
  });

  test('and half is not most', () => {
    expect(plan(['h', 'h', 300, 300], { maxUnhealthy: 10 }).replace).toEqual(['n2', 'n3']);
  });

  test('and nothing is held as long as nothing is due', () => {
    expect(plan(['h', 100, 200])).toEqual({ replace: [], againInMs: 100_000 });
  });
});
