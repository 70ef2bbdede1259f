/** The address by which a Node is known to its peers, as it is reached from inside its placement and from elsewhere. Pure. */
import type { Client } from '../api/client.ts';
import type { Peering } from '../api/peering.ts';
import type { Machine } from '../clouds/cloud.ts';
import { expand, referencesIn } from './expand.ts';

export interface PeerAddress {
  /** For nodes of the same placement. Absent: not known, or none. */
  readonly inside?: string;
  /** For everybody else. */
  readonly outside?: string;
  /** What the template refers to and nothing gives a value for; an address with a hole in it is none. */
  readonly unknown: readonly string[];
}

export interface PeerAddressInput {
  readonly address: Peering['address'];
  readonly ports: NonNullable<Client['ports']>;
  readonly node: string;
  /** Before it runs a machine may not have all its addresses yet, and so has no peer address. */
  readonly machine: Pick<Machine, 'state' | 'privateAddress' | 'publicAddress' | 'published'>;
  /** Text that the JSON-RPC call found; absent as long as it is not known. */
  readonly result?: string;
}

type Side = 'inside' | 'outside';

export function peerAddressOf(input: PeerAddressInput): PeerAddress {
  const { address, machine, result } = input;
  if (machine.state !== 'running' || (address.jsonRpc !== undefined && !result)) return { unknown: [] };
  const inside = addressFrom('inside', input);
  const outside = addressFrom('outside', input);
  return {
    ...(inside.text !== undefined && { inside: inside.text }),
    ...(outside.text !== undefined && { outside: outside.text }),
    unknown: [...new Set([...inside.unknown, ...outside.unknown])],
  };
}

interface Found {
  readonly text?: string;
  readonly unknown: readonly string[];
}

function addressFrom(side: Side, { address, ports, node, machine, result = '' }: PeerAddressInput): Found {
  if (address.template === undefined) {
    const text = withHost(result, machine, side);
    return text === undefined ? { unknown: ['ADDRESS'] } : { text, unknown: [] };
  }
  const { template } = address;
  const names = new Set(referencesIn(template));
  // Whoever writes down the private address means the port that belongs to it.
  const isPrivate = names.has('PRIVATE_ADDRESS') && !names.has('PUBLIC_ADDRESS');
  const isPublic = names.has('PUBLIC_ADDRESS') && !names.has('PRIVATE_ADDRESS');
  const portSide: Side = isPrivate ? 'inside' : isPublic ? 'outside' : side;
  const named = ports.filter(({ name }) => names.has(`PORT_${name}`));
  const values = new Map<string, string | undefined>([
    ['NODE_NAME', node],
    ['ADDRESS', hostOf(machine, side, named)],
    ['PRIVATE_ADDRESS', bracketed(machine.privateAddress)],
    ['PUBLIC_ADDRESS', bracketed(machine.publicAddress ?? publishedOf(machine, named)?.address)],
    ...(address.jsonRpc === undefined ? [] : [['RESULT', result] as const]),
    ...ports.map((port) => [`PORT_${port.name}`, String(portOf(machine, portSide, port))] as const),
  ]);
  const { text, unknown } = expand(template, (name) => values.get(name));
  return unknown.length > 0 || text.trim() === '' ? { unknown } : { text, unknown };
}

type Port = Pick<NonNullable<Client['ports']>[number], 'port' | 'protocol'>;
type Addressed = PeerAddressInput['machine'];

/** From outside: where a port is published, else the public address, else the private one, which a peered network may reach. */
function hostOf(machine: Addressed, side: Side, ports: readonly Port[]): string | undefined {
  const { privateAddress, publicAddress } = machine;
  const published = publishedOf(machine, ports)?.address;
  return bracketed(
    side === 'inside'
      ? (privateAddress ?? publicAddress ?? published)
      : (published ?? publicAddress ?? privateAddress),
  );
}

function portOf(machine: Addressed, side: Side, port: Port): number {
  return (side === 'outside' ? publishedOf(machine, [port])?.hostPort : undefined) ?? port.port;
}

/** The first of the ports that is published; without ports, the first that the machine publishes at all. */
function publishedOf({ published = [] }: Addressed, ports: readonly Port[]) {
  if (ports.length === 0) return published[0];
  return ports
    .flatMap(({ port, protocol }) =>
      published.filter((one) => one.port === port && one.protocol === protocol),
    )
    .at(0);
}

function bracketed(address: string | undefined): string | undefined {
  return address?.includes(':') ? `[${address}]` : address;
}

/** `enode://id@127.0.0.1:30303?discport=30301`, `id@0.0.0.0:26656`, `tcp://[::]:26656`, `10.0.0.1:18555`. */
const urlLike =
  /^(?<before>(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^@/?#]*@)?)(?<host>\[[0-9a-fA-F:.]*\]|[^:@/?#[\]]*)(?::(?<port>\d+))?(?<rest>[/?#].*)?$/s;
/** `/ip4/127.0.0.1/tcp/30333/p2p/id`. https://github.com/multiformats/multiaddr */
const multiaddr =
  /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]+(?:\/(?<transport>tcp|udp)\/(?<port>\d+))?(?<rest>\/.*)?$/s;

/**
 * A program tells the address it listens on, which is seldom the one that others reach it by: host and port give way to
 * that. What has no host to replace (an ENR, which is signed) stays as it is. Undefined: the machine has no address.
 */
function withHost(told: string, machine: Addressed, side: Side): string | undefined {
  const many = multiaddr.exec(told)?.groups;
  if (many !== undefined) return multiaddrWith(many, machine, side);
  const parts = urlLike.exec(told)?.groups;
  const { before = '', host = '', port = '', rest = '' } = parts ?? {};
  const hasHost = before !== '' || port !== '' || /^\d+(\.\d+){3}$/.test(host);
  if (parts === undefined || !hasHost) return told;
  const tcp: Port = { port: Number(port), protocol: 'TCP' };
  const reached = hostOf(machine, side, port === '' ? [] : [tcp]);
  if (reached === undefined) return undefined;
  const tail = before.startsWith('enode:') ? discoveryPort(rest, tcp.port, machine, side) : rest;
  return `${before}${reached}${port === '' ? '' : `:${portOf(machine, side, tcp)}`}${tail}`;
}

function multiaddrWith(
  { transport, port, rest = '' }: Readonly<Record<string, string | undefined>>,
  machine: Addressed,
  side: Side,
): string | undefined {
  const listening: Port = { port: Number(port ?? 0), protocol: transport === 'udp' ? 'UDP' : 'TCP' };
  const reached = hostOf(machine, side, port === undefined ? [] : [listening]);
  if (reached === undefined) return undefined;
  const bare = reached.replace(/^\[|\]$/g, '');
  const kind = bare.includes(':') ? 'ip6' : /^[\d.]+$/.test(bare) ? 'ip4' : 'dns';
  const transported = port === undefined ? '' : `/${transport}/${portOf(machine, side, listening)}`;
  return `/${kind}/${bare}${transported}${rest}`;
}

/** An enode names its discovery port only where it is another than that for TCP. https://ethereum.org/developers/docs/networking-layer/network-addresses/#enode */
function discoveryPort(rest: string, port: number, machine: Addressed, side: Side): string {
  const [, told] = /[?&]discport=(\d+)/.exec(rest) ?? [];
  const udp = portOf(machine, side, { port: Number(told ?? port), protocol: 'UDP' });
  if (told !== undefined) return rest.replace(/([?&]discport=)\d+/, `$1${udp}`);
  const tcp = portOf(machine, side, { port, protocol: 'TCP' });
  const isPublished = machine.published?.some((one) => one.port === port && one.protocol === 'UDP') === true;
  return isPublished && udp !== tcp ? `${rest}${rest.includes('?') ? '&' : '?'}discport=${udp}` : rest;
}
