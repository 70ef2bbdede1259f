import { columns } from '../../src/cli/quickstart/table.ts';

/** One figure of the bench beside its bar. A figure without a bar is told for the reader's sake. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most that is allowed. */
  readonly bar?: number;
  readonly note?: string;
}

export const missed = ({ value, bar }: Figure): boolean => bar !== undefined && !(value <= bar);

export function renderFigures(figures: readonly Figure[]): string[] {
  return columns([
    ['WHAT', 'BAR', 'FIGURE', '', 'NOTE'],
    ...figures.map((figure) => [
      figure.what,
      figure.bar === undefined ? '' : `<= ${figure.bar} ${figure.unit}`.trimEnd(),
      `${number(figure.value)} ${figure.unit}`.trimEnd(),
      figure.bar === undefined ? '' : missed(figure) ? 'MISSED' : 'ok',
      figure.note ?? '',
    ]),
  ]);
}

function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(value < 1 ? 3 : value < 10 ? 2 : 1);
}
