import { expect, test } from 'vitest';
import { createSweepHolds } from './sweep-holds.ts';

function setUp() {
  const changed: string[] = [];
  const holds = createSweepHolds((credential) => changed.push(credential));
  const note = (region: string, held: number, ...credentials: string[]) =>
    holds.note({ cloud: 'aws', region, credentials, held });
  return { holds, note, changed };
}

test('what is held in the regions of a cloud adds up', () => {
  const { holds, note } = setUp();
  note('aws/1/here', 6, 'a');
  note('aws/1/there', 0, 'a');
  note('aws/2/here', 7, 'b');
  expect(holds.total('aws')).toBe(13);
  note('aws/2/here', 0, 'b');
  expect(holds.total('aws')).toBe(6);
});

test('each CloudCredential is told of the regions it opened, when one is new to it or holds another number', () => {
  const { holds, note, changed } = setUp();
  expect(holds.of('a')).toBeUndefined();
  note('here', 6, 'a', 'b');
  note('there', 0, 'b');
  note('here', 6, 'a', 'b');
  expect(changed).toEqual(['a', 'b', 'b']);
  expect(holds.of('b')?.map(({ region }) => region)).toEqual(['here']);
  note('here', 6, 'b');
  expect(changed).toEqual(['a', 'b', 'b', 'a']);
  expect(holds.of('a')).toBeUndefined();
});

test('with the last CloudCredential of a region what was held there is forgotten', () => {
  const { holds, note } = setUp();
  note('here', 6, 'a', 'b');
  holds.forget('a');
  expect(holds.total('aws')).toBe(6);
  holds.forget('b');
  expect(holds.total('aws')).toBe(0);
});
