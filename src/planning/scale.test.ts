import { expect, test } from 'vitest';
import { shareReplicas } from './scale.ts';

function share(replicas: readonly number[], total: number | undefined): number[] {
  const placements = replicas.map((count, index) => ({ name: `p${index}`, replicas: count }));
  return [...shareReplicas(placements, total).values()];
}

test.for([
  ['without a total each placement has its own number', [3, 2], undefined, [3, 2]],
  ['a total is shared in proportion', [3, 1], 8, [6, 2]],
  ['the largest remainder comes first', [5, 3, 1], 4, [2, 1, 1]],
  ['equal remainders go by order', [1, 1, 1], 4, [2, 1, 1]],
  ['with all proportions zero the placements count as equal', [0, 0], 3, [2, 1]],
  ['a placement of proportion zero gets nothing', [2, 0], 5, [5, 0]],
  ['a total of zero leaves nothing', [3, 2], 0, [0, 0]],
  ['no placement, no share', [], 3, []],
] as const)('%s', ([, replicas, total, shares]) => {
  expect(share(replicas, total)).toEqual(shares);
});

test('shares always add up to the total', () => {
  for (let total = 0; total < 40; total += 1)
    expect(share([7, 5, 3, 0, 1], total).reduce((sum, count) => sum + count, 0)).toBe(total);
});
