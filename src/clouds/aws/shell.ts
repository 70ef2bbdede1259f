/** Text that a POSIX shell takes as it is. */
import { ROW } from '../cloud.ts';

/** One word that the shell does not look into. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * One word in which a placeholder of the contract is the row that the machine has: `$node` and `$index` of the shell.
 * Everything around them is taken as it is.
 */
export function quoteRow(text: string): string {
  return text
    .split(placeholder)
    .map((part) => SHELL_NAMES.get(part) ?? (part === '' ? '' : quote(part)))
    .join('')
    .replace(/^$/, "''");
}

const SHELL_NAMES: ReadonlyMap<string, string> = new Map([
  [ROW.name, '"$node"'],
  [ROW.index, '"$index"'],
]);
const placeholder = new RegExp(`(${ROW.name}|${ROW.index})`);

/** Lines that write a file of just this text, with the row in it. */
export function writeExactly(path: string, text: string): string {
  return `printf %s ${quoteRow(text)} >${path}`;
}

/** Lines that write a file. Its text ends with a line end, whether or not it was given one. */
export function heredoc(path: string, text: string): string {
  const lines = text.split('\n');
  let end = 'END';
  while (lines.includes(end)) end += '_';
  return `cat >${path} <<'${end}'\n${text}${text.endsWith('\n') ? '' : '\n'}${end}`;
}
