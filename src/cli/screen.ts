import { stripVTControlCharacters } from 'node:util';

/** Where a command writes. On a terminal it has a live part at its end that is drawn anew again and again. */
export interface Screen {
  readonly isTerminal: boolean;
  /** Cells of a line, and lines; those of a common terminal where it is none. */
  readonly columns: number;
  readonly rows: number;
  /** Adds lines for good, above the live part. */
  print(...lines: readonly string[]): void;
  /** Replaces the live part. Does nothing where there is no terminal. */
  show(lines: readonly string[]): void;
}

/** The part of a stream that a screen needs; `process.stdout` is one. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const esc = '\u001b[';

export function createScreen(out: Output): Screen {
  const isTerminal = out.isTTY === true;
  let live: readonly string[] = [];

  // One write for all, or the eye would see the empty screen between two.
  const draw = (printed: readonly string[], next: readonly string[]) => {
    const columns = out.columns ?? 80;
    const back = live.length === 0 ? '' : `${esc}${live.length}A\r${esc}J`;
    // A line that wraps would count twice on the way back.
    live = next.slice(-Math.max(1, (out.rows ?? 24) - 1)).map((line) => cut(line, columns));
    out.write(back + [...printed, ...live].map((line) => `${line}\n`).join(''));
  };

  return {
    isTerminal,
    get columns() {
      return out.columns ?? 80;
    },
    get rows() {
      return out.rows ?? 24;
    },
    print: (...lines) => draw(lines, live),
    show: (lines) => {
      if (isTerminal) draw([], lines);
    },
  };
}

function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : `${plain.slice(0, columns - 1)}…`;
}
