import { columns } from '../../src/cli/quickstart/table.ts';

/** One figure of the bench beside its bar. A figure without a bar is told for the reader's sake. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most that is allowed. */
  readonly bar?: number;
  /** The least that is allowed. */
  readonly floor?: number;
  readonly note?: string;
}

export const missed = ({ value, bar, floor }: Figure): boolean =>
  (bar !== undefined && !(value <= bar)) || (floor !== undefined && !(value >= floor));

export function renderFigures(figures: readonly Figure[]): string[] {
  return columns([
    ['WHAT', 'BAR', 'FIGURE', '', 'NOTE'],
    ...figures.map((figure) => [
      figure.what,
      barOf(figure),
      `${number(figure.value)} ${figure.unit}`.trimEnd(),
      barOf(figure) === '' ? '' : missed(figure) ? 'MISSED' : 'ok',
      figure.note ?? '',
    ]),
  ]);
}

function barOf({ bar, floor, unit }: Figure): string {
  if (bar !== undefined) return `<= ${bar} ${unit}`.trimEnd();
  return floor === undefined ? '' : `>= ${floor} ${unit}`.trimEnd();
}

function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(value < 1 ? 3 : value < 10 ? 2 : 1);
}
