/**
 * Words of an HAProxy configuration. Each either is of a form that cannot hurt or is refused, so that nothing a person
 * writes can end its line and begin another.
 * https://docs.haproxy.org/2.6/configuration.html#2.2
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';

/** Any text of one line as one word. Nothing is expanded in it. */
export function quote(text: string): string {
  for (const character of text) {
    if (character < ' ' || character === '\x7f') {
      throw new RangeError(`a control character in ${JSON.stringify(text)}`);
    }
  }
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export function serverName(name: string): string {
  if (!/^[A-Za-z0-9_.:-]{1,255}$/.test(name)) {
    throw new RangeError(`not a server name: ${JSON.stringify(name)}`);
  }
  return name;
}

export function wholeNumber(value: number, range: { readonly from: number; readonly to: number }): number {
  if (!Number.isInteger(value) || value < range.from || value > range.to) {
    throw new RangeError(`${value} is no whole number from ${range.from} to ${range.to}`);
  }
  return value;
}

export const portNumber = (port: number): number => wholeNumber(port, { from: 1, to: 65_535 });

const LABEL = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const DNS_NAME = new RegExp(String.raw`^${LABEL}(\.${LABEL})*\.?$`);

export const isDnsName = (address: string): boolean =>
  isIP(address) === 0 && address.length <= 254 && DNS_NAME.test(address);

/** `address:port`. A zone (`fe80::1%eth0`) is refused. */
export function endpoint(address: string, port: number): string {
  if (isIPv4(address) || isDnsName(address)) {
    return `${address}:${portNumber(port)}`;
  }
  if (isIPv6(address) && !address.includes('%')) {
    return `[${address}]:${portNumber(port)}`;
  }
  throw new RangeError(`neither an IP address nor a DNS name: ${JSON.stringify(address)}`);
}

export function cidr(range: string): string {
  const [, address = '', bits = ''] = /^([0-9A-Fa-f:.]+)\/([0-9]{1,3})$/.exec(range) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) {
    throw new RangeError(`no network in CIDR notation: ${JSON.stringify(range)}`);
  }
  return `${address}/${bits}`;
}

export const isIPv6Range = (range: string): boolean => range.includes(':');
