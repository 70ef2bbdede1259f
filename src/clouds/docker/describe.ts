/** A container in the engine's words as a machine in ours. */
import type { Machine, MachineState } from '../cloud.ts';
import { meaningOfStart } from './errors.ts';
import { isReleased } from './names.ts';
import type { InspectedContainer, ListedContainer } from './shapes.ts';
import { launchOf, ownerOf } from './tags.ts';

/** All containers of an engine are in one place. */
export const ZONE = 'engine';

export interface Surroundings {
  /** Where others reach what the engine's host publishes at all its addresses. */
  readonly address: string;
}

type Published = NonNullable<Machine['published']>;

/** What a list tells. Why one does not run, and the ports of one that is created, only a look at it tells. */
export function machineListed(container: ListedContainer, surroundings: Surroundings): Machine {
  const { Id, Names, Labels, Created, State, Ports } = container;
  const published = Ports.flatMap(({ IP = '', PrivatePort, PublicPort, Type }) =>
    PublicPort === undefined ? [] : [publishedPort(PrivatePort, Type, IP, PublicPort, surroundings)],
  );
  return {
    ...identity(Id, Names, Labels),
    ...stateOf({ status: State, exitCode: 0, oomKilled: false, error: '', restarts: 0 }),
    createdAt: new Date(Created * 1000).toISOString(),
    ...addresses(Object.values(container.NetworkSettings), published),
  };
}

export function machineInspected(container: InspectedContainer, surroundings: Surroundings): Machine {
  const { Id, Name, Config, Created, State, NetworkSettings } = container;
  const published = Object.entries(NetworkSettings.Ports).flatMap(([key, bindings]) => {
    const [port = '', protocol = ''] = key.split('/');
    return (bindings ?? []).map(({ HostIp, HostPort }) =>
      publishedPort(Number(port), protocol, HostIp, Number(HostPort), surroundings),
    );
  });
  return {
    ...identity(Id, Name, Config.Labels),
    ...stateOf({
      status: State.Status,
      exitCode: State.ExitCode,
      oomKilled: State.OOMKilled,
      error: State.Error,
      restarts: container.RestartCount,
    }),
    // A list tells seconds, and both must tell the same.
    createdAt: new Date(Math.floor(Date.parse(Created) / 1000) * 1000).toISOString(),
    ...addresses(Object.values(NetworkSettings.Networks), published),
  };
}

/** Of one that was created, and whoever would have started it is gone. */
export function abandoned(machine: Machine): Machine {
  const message = 'the container was created and not started';
  return { ...machine, state: 'failed', stateReason: { code: 'NotStarted', message } };
}

/** Created, and whoever is about to start it is told what comes of it, and takes it away when that is nothing. */
export function unlessStarting(machine: Machine): Machine {
  if (machine.state !== 'failed') return machine;
  const { stateReason: _, ...rest } = machine;
  return { ...rest, state: 'pending' };
}

/** States that a list does not explain. */
export const needsLook = (state: string): boolean => !['running', 'paused', 'removing'].includes(state);

interface Condition {
  readonly status: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
  readonly restarts: number;
}

/**
 * A container that its restart policy brings back is `restarting` from the moment it ends. So one that is `exited` stays so:
 * the policy leaves it, or somebody stopped or killed it by hand.
 * https://docs.docker.com/engine/containers/start-containers-automatically/
 */
export function stateOf(condition: Condition): Pick<Machine, 'state' | 'stateReason'> {
  const { status, exitCode, error, restarts } = condition;
  switch (status) {
    case 'created':
      return error === '' ? { state: 'pending' } : startRefused(exitCode, error);
    case 'running':
      return { state: 'running' };
    case 'restarting':
      return because(
        'pending',
        'Restarting',
        `it ended with exit code ${exitCode}, ${restarts} restarts so far`,
      );
    case 'paused':
      return because('stopped', 'Paused', 'the container is paused');
    case 'exited':
    case 'dead':
      return because('failed', ...endOf(condition));
    case 'removing':
      return { state: 'terminating' };
    default:
      return { state: 'pending' };
  }
}

function endOf({ exitCode, oomKilled, error }: Condition): readonly [code: string, message: string] {
  const message = `the container ended with exit code ${exitCode}${error === '' ? '' : `: ${error}`}`;
  return oomKilled ? ['OOMKilled', `${message}, out of memory`] : [`ExitCode${exitCode}`, message];
}

/** Whoever learns of it by a look is told the same as who asked for the start. */
function startRefused(exitCode: number, message: string): Pick<Machine, 'state' | 'stateReason'> {
  const { code: means, reason } = meaningOfStart(exitCode);
  return { state: 'failed', stateReason: { code: reason, message, means } };
}

function because(state: MachineState, code: string, message: string): Pick<Machine, 'state' | 'stateReason'> {
  return { state, stateReason: { code, message } };
}

function identity(id: string, name: string, labels: Readonly<Record<string, string>>) {
  const launch = launchOf(labels);
  const owner = isReleased(name) ? undefined : ownerOf(labels);
  return {
    id,
    owner: owner ?? { cluster: '' },
    ...(launch === undefined ? {} : { launch }),
    zone: ZONE,
  };
}

function publishedPort(
  port: number,
  protocol: string,
  hostIp: string,
  hostPort: number,
  { address }: Surroundings,
): Published[number] {
  const everywhere = hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
  return {
    port,
    protocol: protocol === 'udp' ? 'UDP' : 'TCP',
    address: everywhere ? address : hostIp,
    hostPort,
  };
}

function addresses(
  networks: readonly { readonly IPAddress?: string | null | undefined }[],
  published: Published,
): Pick<Machine, 'privateAddress' | 'publicAddress' | 'published'> {
  const inside = networks.map(({ IPAddress }) => IPAddress ?? '').find((address) => address !== '');
  // Published everywhere is published twice, for IPv4 and for IPv6.
  const distinct = new Map(published.map((one) => [Object.values(one).join(' '), one]));
  const ports = [...distinct.values()].sort((a, b) => a.port - b.port || a.hostPort - b.hostPort);
  const outside = ports.find(({ address }) => !isLoopback(address))?.address;
  return {
    ...(inside === undefined ? {} : { privateAddress: inside }),
    ...(outside === undefined ? {} : { publicAddress: outside }),
    ...(ports.length === 0 ? {} : { published: ports }),
  };
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address === 'localhost';
}
