/** Writing XML by hand: a page of 1,000 instances is some megabytes, and only these four shapes are ever needed. */

/** `<name>value</name>`, or nothing when there is no value. */
export function leaf(name: string, value: string | number | boolean | undefined): string {
  if (value === undefined) return '';
  return `<${name}>${typeof value === 'string' ? escapeXml(value) : value}</${name}>`;
}

/** `<name>...</name>` around content that is already XML. */
export function node(name: string, ...content: readonly string[]): string {
  return `<${name}>${content.join('')}</${name}>`;
}

/** EC2's lists: `<name><item>...</item></name>`. */
export function items<T>(name: string, list: Iterable<T>, write: (value: T) => string): string {
  return listOf(name, 'item', list, write);
}

/** The Query protocol's lists: `<name><member>...</member></name>`. */
export function members<T>(name: string, list: Iterable<T>, write: (value: T) => string): string {
  return listOf(name, 'member', list, write);
}

/** Milliseconds since the epoch as XML time. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}

function escapeXml(text: string): string {
  return /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, (character) => entities[character] ?? '') : text;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function listOf<T>(name: string, member: string, list: Iterable<T>, write: (value: T) => string): string {
  let content = '';
  for (const value of list) content += `<${member}>${write(value)}</${member}>`;
  return `<${name}>${content}</${name}>`;
}
