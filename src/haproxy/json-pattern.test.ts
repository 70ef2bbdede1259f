import { describe, expect, it } from 'vitest';
import { answerPattern } from './json-pattern.ts';

/** POSIX classes are what JavaScript lacks of the regular expressions that HAProxy reads. */
const matches = (answer: string, result?: unknown) =>
  new RegExp(answerPattern(result).replaceAll('[[:space:]]', String.raw`\s`), 'u').test(answer);

describe('the pattern of an answer with an expected result', () => {
  it.each([
    ['in any order of members', '{"id":1,"result":"0x539","jsonrpc":"2.0"}', '0x539'],
    ['with spaces and lines', '{\n  "jsonrpc" : "2.0",\n  "result" : false ,\n  "id" : 1\n}\n', false],
    ['with the error of version 1.0', '{"result":42,"error":null,"id":1}', 42],
    ['with an escaped slash', String.raw`{"result":"a\/b"}`, 'a/b'],
    ['with what Go escapes', String.raw`{"result":"\u003cb\u003E \u0026"}`, '<b> &'],
    ['with letters of the world as they are', '{"result":"é😀"}', 'é😀'],
    ['with letters of the world escaped', String.raw`{"result":"\u00E9\ud83d\ude00"}`, 'é😀'],
    ['with quotes and backslashes', String.raw`{"result":"\"\\"}`, '"\\'],
    ['with lists and objects', '{"result":{"a": [1, "x", null], "b":{}}}', { a: [1, 'x', null], b: {} }],
    ['with an empty list', '{"result":[ ]}', []],
    ['with null', '{"result":null,"error":null}', null],
  ])('matches %s', (_, answer, result) => {
    expect(matches(answer, result)).toBe(true);
  });

  it.each([
    ['another result', '{"result":"0x53"}', '0x539'],
    ['a longer result', '{"result":"0x5390"}', '0x539'],
    ['a text instead of a number', '{"result":"1"}', 1],
    ['a number whose dot is another digit', '{"result":105}', 1.5],
    ['a text whose dot is another letter', '{"result":"v1x2"}', 'v1.2'],
    ['the result inside an error', '{"error":{"data":{"result":true}}}', true],
    ['the result inside another text', String.raw`{"message":"\"result\":true","result":false}`, true],
    ['a result with an error beside it', '{"result":null,"error":{"code":1}}', null],
    ['an answer that was cut off', '{"result":true', true],
    ['no JSON', '<html>"result":true</html>', true],
    ['another object', '{"result":{"a":1,"b":2}}', { a: 1 }],
  ])('refuses %s', (_, answer, result) => {
    expect(matches(answer, result)).toBe(false);
  });
});

describe('the pattern of an answer with any result', () => {
  it.each([
    ['a text', '{"jsonrpc":"2.0","id":1,"result":"0x1"}'],
    ['an object', '{"jsonrpc":"2.0","result":{"deep":{"error":{"code":1}}},"id":1}'],
    ['false', '{"result":false}'],
    ['a negative number', '{"result":-1}'],
    ['null that is an answer', '{"result":null,"error":null,"id":1}'],
    ['a long one that was cut off', `{"id":1,"result":["${'x'.repeat(20_000)}`],
  ])('matches %s', (_, answer) => {
    expect(matches(answer)).toBe(true);
  });

  it.each([
    ['an error', '{"jsonrpc":"2.0","error":{"code":-32601,"message":"no such method"},"id":1}'],
    ['an error with a null beside it', '{"result":null,"error":{"code":-28,"message":"loading"},"id":1}'],
    ['an error before the null', '{"error":{"code":-28},"result":null}'],
    ['no JSON', 'result'],
    ['an empty answer', ''],
  ])('refuses %s', (_, answer) => {
    expect(matches(answer)).toBe(false);
  });
});
