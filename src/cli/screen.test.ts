import { expect, test } from 'vitest';
import { createScreen, type Output } from './screen.ts';

function recorder(terminal: Partial<Output>) {
  const written: string[] = [];
  return { written, out: { ...terminal, write: (text: string) => written.push(text) } };
}

test('draws the live part over the one before', () => {
  const { written, out } = recorder({ isTTY: true, columns: 80, rows: 24 });
  const screen = createScreen(out);
  screen.show(['one', 'two']);
  screen.show(['three']);
  expect(written).toEqual(['one\ntwo\n', '\u001b[2A\r\u001b[Jthree\n']);
});

test('prints above the live part, which stays', () => {
  const { written, out } = recorder({ isTTY: true, columns: 80, rows: 24 });
  const screen = createScreen(out);
  screen.show(['live']);
  screen.print('for good');
  expect(written.at(-1)).toBe('\u001b[1A\r\u001b[Jfor good\nlive\n');
});

test('cuts lines that would wrap, and shows the end of what is too high', () => {
  const { written, out } = recorder({ isTTY: true, columns: 5, rows: 3 });
  createScreen(out).show(['first', 'second', 'third']);
  expect(written).toEqual(['seco…\nthird\n']);
});

test('has no live part without a terminal', () => {
  const { written, out } = recorder({});
  const screen = createScreen(out);
  screen.show(['live']);
  screen.print('for good');
  expect(written).toEqual(['for good\n']);
});
