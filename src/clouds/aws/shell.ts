/** Text that a POSIX shell takes as it is. */

/** One word that the shell does not look into. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Lines that write a file. Its text ends with a line end, whether or not it was given one. */
export function heredoc(path: string, text: string): string {
  const lines = text.split('\n');
  let end = 'END';
  while (lines.includes(end)) end += '_';
  return `cat >${path} <<'${end}'\n${text}${text.endsWith('\n') ? '' : '\n'}${end}`;
}
