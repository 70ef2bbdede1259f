import { expect, test } from 'vitest';
import { pack } from '../tar.ts';
import { FILES } from './config.ts';
import { readTold, toldAs, untold } from './told.ts';

const config = 'listen port-80\n';
const leaving = [{ id: 'a', at: 1_000, until: 31_000 }];

test('is read as it was written', () => {
  const told = { config, leaving };
  expect(readTold(pack(toldAs(told)))).toEqual(told);
});

test('is told apart from what is about to be told', () => {
  const others = [FILES.loaded, FILES.candidate].map((path) => ({ path, content: 'another' }));
  expect(readTold(pack([...others, ...toldAs({ config, leaving })]))).toEqual({ config, leaving });
});

test('is nothing where nothing was written', () => {
  expect(readTold(pack([]))).toEqual(untold);
});

test.each([
  ['was not written, as by an earlier version', []],
  ['is no JSON', [{ path: FILES.leaving, content: '[{' }]],
  ['is of another shape', [{ path: FILES.leaving, content: '[{"id": "a"}]' }]],
])('nobody leaves where the list %s', (_, files) => {
  expect(readTold(pack([{ path: FILES.applied, content: config }, ...files]))).toEqual({
    config,
    leaving: [],
  });
});
