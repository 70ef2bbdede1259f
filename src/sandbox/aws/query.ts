/**
 * The parameters of a call, whatever protocol carried them: dotted names with numbered list members, as the Query
 * protocol writes them (`Filter.1.Value.2`, `Tags.member.1.Key`).
 */
export interface Params {
  text(name: string): string | undefined;
  /** A list of plain values. */
  texts(name: string): string[];
  /** A list of structures; each is read with names relative to it. */
  list(name: string): Params[];
  has(name: string): boolean;
  entries(): Iterable<readonly [string, string]>;
}

/** Reads an `application/x-www-form-urlencoded` body. */
export function parseForm(body: string): Params {
  const values = new Map<string, string>();
  for (const pair of body.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    values.set(decode(name), equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  return paramsOf(values);
}

/** Reads a JSON body into the same shape: `{"Names": ["a"]}` becomes `Names.1=a`. */
export function parseJson(body: string): Params {
  const values = new Map<string, string>();
  const walk = (value: unknown, name: string): void => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) walk(item, `${name}.${index + 1}`);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) walk(item, name === '' ? key : `${name}.${key}`);
    } else if (value !== null && value !== undefined) {
      values.set(name, String(value));
    }
  };
  walk(body === '' ? {} : JSON.parse(body), '');
  return paramsOf(values);
}

function paramsOf(values: ReadonlyMap<string, string>): Params {
  const prefixes = new Set<string>();
  for (const name of values.keys()) {
    for (let dot = name.length; dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
      const prefix = name.slice(0, dot);
      if (prefixes.has(prefix)) break;
      prefixes.add(prefix);
    }
  }
  return scope(values, prefixes, '');
}

function scope(values: ReadonlyMap<string, string>, prefixes: ReadonlySet<string>, base: string): Params {
  const numbered = function* (name: string): Generator<string> {
    const plain = base + name;
    const root = prefixes.has(`${plain}.member`) ? `${plain}.member` : plain;
    for (let index = 1; prefixes.has(`${root}.${index}`); index++) yield `${root}.${index}`;
  };
  return {
    text: (name) => values.get(base + name),
    texts: (name) => Array.from(numbered(name), (key) => values.get(key) ?? ''),
    list: (name) => Array.from(numbered(name), (key) => scope(values, prefixes, `${key}.`)),
    has: (name) => prefixes.has(base + name),
    entries: function* () {
      for (const [name, value] of values) {
        if (name.startsWith(base)) yield [name.slice(base.length), value] as const;
      }
    },
  };
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return spaced.includes('%') ? decodeURIComponent(spaced) : spaced;
}
