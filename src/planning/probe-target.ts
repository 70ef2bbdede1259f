/** What the operator asks of a machine: its health, and its address among its peers. Pure. */
import type { Client } from '../api/client.ts';
import type { Peering } from '../api/peering.ts';
import type { Machine } from '../clouds/cloud.ts';
import type { Check, Endpoint } from '../probes/probe.ts';
import type { ProbeTarget } from '../probes/prober.ts';

type Addressed = Pick<Machine, 'state' | 'privateAddress' | 'publicAddress' | 'published'>;

/** An address does not change while a program runs; asked now and then, since a program may be started anew. */
const addressIntervalSeconds = 60;

/** Undefined when there is nothing to ask: no `client.health`, or no machine that runs. */
export function healthTargetOf(client: Client, machine: Addressed): ProbeTarget | undefined {
  const { health } = client;
  if (health === undefined) return undefined;
  const { tcp, http, jsonRpc, intervalSeconds } = health;
  if (tcp !== undefined) return targetOf(client, machine, tcp.port, { kind: 'tcp' }, { intervalSeconds });
  if (http !== undefined) {
    const { port, path, status } = http;
    return targetOf(client, machine, port, { kind: 'http', path, status }, { intervalSeconds });
  }
  if (jsonRpc === undefined) return undefined;
  const { port, ...call } = jsonRpc;
  return targetOf(client, machine, port, { kind: 'jsonRpc', ...call }, { intervalSeconds });
}

/** Undefined when there is nothing to ask: the address comes from a template alone, or no machine runs. */
export function peerTargetOf(
  { address }: Peering,
  client: Client,
  machine: Addressed,
): ProbeTarget | undefined {
  if (address.jsonRpc === undefined) return undefined;
  const { port, ...call } = address.jsonRpc;
  const how = { intervalSeconds: addressIntervalSeconds };
  return targetOf(client, machine, port, { kind: 'jsonRpc', ...call }, how);
}

function targetOf(
  { ports = [] }: Client,
  machine: Addressed,
  portName: string,
  check: Check,
  how: Pick<ProbeTarget, 'intervalSeconds'>,
): ProbeTarget | undefined {
  const port = ports.find(({ name }) => name === portName);
  if (port === undefined || machine.state !== 'running') return undefined;
  return { endpoints: endpointsOf(machine, port.port), check, ...how };
}

/** A private address comes last: from another network it may be somebody else's. */
function endpointsOf(
  { published = [], publicAddress, privateAddress }: Addressed,
  port: number,
): readonly Endpoint[] {
  return [
    ...published
      .filter((one) => one.port === port && one.protocol === 'TCP')
      .map(({ address, hostPort }) => ({ host: address, port: hostPort })),
    ...[publicAddress, privateAddress].flatMap((host) => (host === undefined ? [] : [{ host, port }])),
  ];
}
