import { expect, test } from 'vitest';
import { parseForm, parseJson } from './query.ts';

test('reads lists of values, of structures, and lists inside them', () => {
  const params = parseForm(
    'Action=X&InstanceId.1=i-1&InstanceId.2=i-2&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b+c&Filter.1.Value.2=%2B',
  );
  expect(params.texts('InstanceId')).toEqual(['i-1', 'i-2']);
  const [filter] = params.list('Filter');
  expect([filter?.text('Name'), filter?.texts('Value')]).toEqual(['tag:a', ['b c', '+']]);
});

test('reads the lists of the Query protocol by the same names', () => {
  const params = parseForm('Names.member.1=a&Names.member.2=b&Tags.member.1.Key=k&Tags.member.1.Value=');
  expect(params.texts('Names')).toEqual(['a', 'b']);
  expect(params.list('Tags').map((tag) => [tag.text('Key'), tag.text('Value')])).toEqual([['k', '']]);
});

test('keeps more than nine members in order', () => {
  const body = Array.from({ length: 12 }, (_, index) => `Id.${index + 1}=${index}`).join('&');
  expect(parseForm(body).texts('Id')).toEqual(Array.from({ length: 12 }, (_, index) => String(index)));
});

test('tells an absent list from one that is there', () => {
  const params = parseForm('Filter.1.Name=x');
  expect([params.has('Filter'), params.has('Filters'), params.text('Filter')]).toEqual([
    true,
    false,
    undefined,
  ]);
});

test('reads JSON into the same shape', () => {
  const params = parseJson('{"Names":["a","b"],"WithDecryption":true}');
  expect([params.texts('Names'), params.text('WithDecryption')]).toEqual([['a', 'b'], 'true']);
});
