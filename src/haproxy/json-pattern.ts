/**
 * Regular expressions over JSON texts, since HAProxy compares an answer as text and servers write one value in many
 * ways: with spaces, with `\/` for `/`, with `\u003c` for `<`. Only what POSIX and PCRE2 read alike is used; HAProxy is
 * built with either.
 */

const SPACE = '[[:space:]]*';
const STRING = String.raw`"([^"\\]|\\.)*"`;
const SCALAR = `(${STRING}|[-+.0-9A-Za-z]+)`;

const SHORT_ESCAPES = new Map([
  ['"', '"'],
  ['\\', String.raw`\\`],
  ['/', '/'],
  ['\b', 'b'],
  ['\f', 'f'],
  ['\n', 'n'],
  ['\r', 'r'],
  ['\t', 't'],
]);

/**
 * Matches the whole answer to a JSON-RPC call that went well. With `result`, that is what was answered; the members of an
 * object have to come in the order given. Beside `result` stand members without objects or lists: `jsonrpc`, `id`,
 * and in version 1.0 `"error": null` (https://www.jsonrpc.org/specification_v1). An error is an object in all versions.
 */
export function answerPattern(result?: unknown): string {
  const member = `"[^"]*"${SPACE}:${SPACE}${SCALAR}${SPACE}`;
  const start = `^${SPACE}[{]${SPACE}(${member},${SPACE})*"result"${SPACE}:${SPACE}`;
  const end = `${SPACE}(,${SPACE}${member})*[}]${SPACE}$`;
  if (result !== undefined) {
    return `${start}${valuePattern(result)}${end}`;
  }
  // A long answer may be cut off before its end. Only beside null could an error follow.
  return `${start}(["{[tf0-9-]|null${end})`;
}

function valuePattern(value: unknown): string {
  if (typeof value === 'string') {
    return `"${[...value].map(characterPattern).join('')}"`;
  }
  if (Array.isArray(value)) {
    return listPattern(value.map(valuePattern), String.raw`\[`, String.raw`\]`);
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, item]) => `${valuePattern(key)}${SPACE}:${SPACE}${valuePattern(item)}`,
    );
    return listPattern(members, '[{]', '[}]');
  }
  return JSON.stringify(value).replaceAll(/[.+]/g, '[$&]');
}

const listPattern = (items: readonly string[], open: string, close: string) =>
  [open, items.join(`${SPACE},${SPACE}`), close].join(SPACE);

function characterPattern(character: string): string {
  if (/[A-Za-z0-9 _]/.test(character)) {
    return character;
  }
  const ways = [
    [...Array(character.length).keys()].map((at) => unicodeEscape(character.charCodeAt(at))).join(''),
  ];
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) {
    ways.push(String.raw`\\${short}`);
  }
  if (character >= ' ' && character !== '"' && character !== '\\') {
    ways.push(/[\^$.|?*+()[\]{}]/.test(character) ? `\\${character}` : character);
  }
  return `(${ways.join('|')})`;
}

function unicodeEscape(unit: number): string {
  const digits = unit.toString(16).padStart(4, '0');
  return String.raw`\\u${digits.replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`;
}
