import { describe, expect, test } from 'vitest';
import { expand, referencesIn } from './expand.ts';

const values = new Map([
  ['HOST', 'example.org'],
  ['EMPTY', ''],
  ['INNER', '$(HOST) $$ $&'],
  ['PORT_p2p-udp', '30303'],
  ['$$odd', 'odd'],
]);
const lookUp = (name: string) => values.get(name);

describe('a reference gives way to its value', () => {
  test.for([
    ['$(HOST)', 'example.org'],
    ['http://$(HOST):$(PORT_p2p-udp)/', 'http://example.org:30303/'],
    ['$(HOST)$(HOST)', 'example.orgexample.org'],
    ['a$(EMPTY)b', 'ab'],
    ['\\$(HOST)', '\\example.org'],
    ['two\n$(HOST)\nlines', 'two\nexample.org\nlines'],
    ['ünï$(HOST)漢', 'ünïexample.org漢'],
    // The name goes to the first closing parenthesis, and nothing in it means anything.
    ['$($$odd)', 'odd'],
  ] as const)('%j is %j', ([text, expanded]) => {
    expect(expand(text, lookUp)).toEqual({ text: expanded, unknown: [] });
  });

  test('and the value is taken as it is, not looked into', () => {
    expect(expand('<$(INNER)>', lookUp)).toEqual({ text: '<$(HOST) $$ $&>', unknown: [] });
  });
});

describe('two dollar signs are one that begins nothing', () => {
  test.for([
    ['$$(HOST)', '$(HOST)'],
    ['$$(NOBODY)', '$(NOBODY)'],
    ['$$HOST', '$HOST'],
    ['$$', '$'],
    ['$$$(HOST)', '$example.org'],
    ['$$$$(HOST)', '$$(HOST)'],
    ['$$$$$(HOST)', '$$example.org'],
  ] as const)('%j is %j', ([text, expanded]) => {
    expect(expand(text, lookUp)).toEqual({ text: expanded, unknown: [] });
  });
});

describe('what is no reference stays', () => {
  test.for([
    '',
    '$',
    'cost: 5$',
    '$HOST',
    `$\{HOST}`,
    '(HOST)',
    '$ (HOST)',
    '$(HOST',
    '$(',
    '$($(',
    'HOST)',
    '$?!*@',
    '%s $1 \\1',
  ])('%j', (text) => {
    expect(expand(text, lookUp)).toEqual({ text, unknown: [] });
  });

  test('and an open one does not hide what follows', () => {
    expect(expand('$(HOST) $(HOST', lookUp).text).toBe('example.org $(HOST');
  });
});

describe('a name without a value', () => {
  test.for([
    ['$(NOBODY)', ['NOBODY']],
    ['$(A) $(HOST', ['A']],
    ['$()', ['']],
    ['$(A$(HOST)', ['A$(HOST']],
    ['$( HOST )', [' HOST ']],
    ['$(host)', ['host']],
    ['$(B) $(A) $(B)', ['B', 'A']],
  ] as const)('in %j stays and is told', ([text, unknown]) => {
    expect(expand(text, lookUp)).toEqual({ text, unknown });
  });
});

test('the names that a text refers to can be asked for', () => {
  expect(referencesIn('$(HOST) $$(NOT) $(B) $(HOST)')).toEqual(['HOST', 'B']);
});
